// Node: the same, but the wasm files are read from the disk, because `fetch` does not read files, and the
// evaluator is the one that was built for speed.

import { readFile } from "node:fs/promises";

import { start } from "./policy-module.js";

export { httpResponse, PolicyModule, refuse } from "./policy-module.js";

export function init(input, { advice } = {}) {
  return start(
    () => input ?? readFile(new URL("./evaluator-fast.wasm", import.meta.url)),
    () => advice ?? readFile(new URL("./advice.wasm", import.meta.url)),
  );
}
