// Cloudflare's workerd, which compiles no bytes: the wasm files are modules of the worker.

import advice from "./advice.wasm";
import evaluator from "./evaluator.wasm";
import host from "./host.wasm";
import { overHttp } from "./loading.js";
import { loader } from "./policy.js";

export * from "./common.js";

export const load = loader(() => ({ evaluator: () => evaluator, host: () => host, advice: () => advice }), overHttp);
