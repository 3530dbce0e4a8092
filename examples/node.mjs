// The npm package in Node: verifies the module's signature, and decides with its own evaluator.
//
//   cargo xtask web
//   node examples/node.mjs policy.wasm keys.json request.json
//
// In a project of yours it is `import { init, PolicyModule } from "@ambit/evaluator"`.

import { readFile } from "node:fs/promises";
import { init, PolicyModule } from "../target/npm/node.js";

const [module, keys, request] = process.argv.slice(2);
await init();
const policy = PolicyModule.load(await readFile(module), undefined, await readFile(keys, "utf8"), {
  now: JSON.parse(await readFile(request, "utf8")).facts.now,
});

// As text, so that the digits of a number stay as the agent wrote them.
const answer = JSON.parse(policy.evaluateText(await readFile(request, "utf8")));
console.log(answer.decision, answer.context.reason.code);

// Act only on `true`, and only after every obligation was discharged.
for (const obligation of answer.context.obligations) console.log("to do first:", obligation.type);
