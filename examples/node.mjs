// The npm package in Node: verifies the policy's signature, decides with its own evaluator, and obeys the answer.
//
//   cargo xtask web
//   node examples/node.mjs policy.wasm keys.json request.json UID
//
// In a project of yours it is `import { load, memory } from "@ambit/evaluator"`.

import { readFile } from "node:fs/promises";
import { load, memory } from "../target/npm/node.js";

const [file, keys, request, uid] = process.argv.slice(2);
// As text, so that the digits of a number stay as the agent wrote them.
const asked = await readFile(request, "utf8");
const { now } = JSON.parse(asked).facts;
// `memory()` ends with this process: a service gives a store that lasts.
const policy = await load(file, await readFile(keys, "utf8"), { uid, store: memory(), clock: () => now });

const verdict = await policy.enforce(asked);
console.log(verdict.permitted, verdict.answer.context.reason.code);

// Act only where it is `true`: every obligation was done.
if (verdict.permitted) console.log("done first:", verdict.discharged.join(" ") || "nothing");
else console.log(verdict.http.status, (await policy.advise(asked)).alternatives[0]?.text ?? "nothing helps");
