// Browsers, extensions and edge workers: nothing here needs a bundler, Node or generated code.

import { start } from "./policy-module.js";

export { httpResponse, PolicyModule, refuse } from "./policy-module.js";

/**
 * Starts the evaluator, once. Without arguments the wasm files are fetched from beside this file, the
 * second when it is first needed; where that is impossible (an edge worker), give the bytes or the
 * compiled modules: `init(evaluator, { advice })`.
 */
export function init(input, { advice } = {}) {
  return start(
    () => input ?? new URL("./evaluator.wasm", import.meta.url),
    () => advice ?? new URL("./advice.wasm", import.meta.url),
  );
}
