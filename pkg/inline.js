// With the wasm inside, for bundlers that copy no files, and for Deno, which may read none.

import { overHttp } from "./loading.js";
import { loader } from "./policy.js";
import { advice, evaluator, host } from "./wasm.js";

export * from "./common.js";

const decoded = (base64) => () => Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));

export const load = loader(() => ({ evaluator: decoded(evaluator), host: decoded(host), advice: decoded(advice) }), overHttp);
