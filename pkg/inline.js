// With the wasm inside, for bundlers that copy no files, and for Deno, which may read none.

import { fromBase64 } from "./bytes.js";
import { overHttp } from "./loading.js";
import { loader } from "./policy.js";
import { advice, evaluator, host } from "./wasm.js";

export * from "./common.js";

export const load = loader(
  () => ({ evaluator: () => fromBase64(evaluator), host: () => fromBase64(host), advice: () => fromBase64(advice) }),
  overHttp,
);
