// Browsers and extensions: the wasm files are fetched from beside this file, and compiled while they come in.

import { overHttp } from "./loading.js";
import { loader } from "./policy.js";

export * from "./common.js";

export const load = loader(
  () => ({
    evaluator: () => new URL("./evaluator.wasm", import.meta.url),
    host: () => new URL("./host.wasm", import.meta.url),
    advice: () => new URL("./advice.wasm", import.meta.url),
  }),
  overHttp,
);
