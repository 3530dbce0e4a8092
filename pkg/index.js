// Browsers, extensions and edge workers: nothing here needs a bundler, Node or generated code.

import { start } from "./policy-module.js";

export { httpResponse, PolicyModule, refuse } from "./policy-module.js";

/**
 * Starts the evaluator, once. Without an argument the wasm file is fetched from beside this file;
 * where that is impossible (an edge worker), give it the bytes or the compiled module.
 */
export function init(input) {
  return start(() => input ?? new URL("./ambit_web_bg.wasm", import.meta.url));
}
