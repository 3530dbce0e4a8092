// Without wasm: `load` takes the compiled modules, `{ wasm: { evaluator, host, advice } }`. Only what is asked for is
// needed: `host` for `enforce`, `request`, `digest`, `signingInput` and `update`, `advice` for `advise` and `describe`.

import { failure } from "./engine.js";
import { overHttp } from "./loading.js";
import { loader } from "./policy.js";

export * from "./common.js";

export const load = loader((options) => {
  const given = (name) => () => {
    const module = options?.wasm?.[name];
    if (module === undefined) throw failure(`engine.${name}`, `\`wasm.${name}\` was not given: the compiled \`${name}.wasm\``);
    return module;
  };
  return { evaluator: given("evaluator"), host: given("host"), advice: given("advice") };
}, overHttp);
