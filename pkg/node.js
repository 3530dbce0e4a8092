// Node: the same, but the wasm file is read from the disk, because `fetch` does not read files.

import { readFile } from "node:fs/promises";

import { start } from "./policy-module.js";

export { httpResponse, PolicyModule, refuse } from "./policy-module.js";

export function init(input) {
  return start(() => input ?? readFile(new URL("./ambit_web_bg.wasm", import.meta.url)));
}
