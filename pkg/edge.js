// Edge runtimes that compile no bytes and take wasm files as modules by `?module`, as Next and Vercel do.

import advice from "./advice.wasm?module";
import evaluator from "./evaluator.wasm?module";
import host from "./host.wasm?module";
import { overHttp } from "./loading.js";
import { loader } from "./policy.js";

export * from "./common.js";

export const load = loader(() => ({ evaluator: () => evaluator, host: () => host, advice: () => advice }), overHttp);
