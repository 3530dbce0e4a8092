// The npm package behind the line protocol (`tests/conformance/README.md`), where there is a standard input: Node, Deno, Bun.
// Usage: node node.mjs FOLDER_OF_THE_PACKAGE ENTRY, which is `node.js`, `inline.js`, or `slim.js` with the files for browsers.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import { answering } from "./answer.mjs";

const [, , folder, entry] = process.argv;
const part = (name) => import(pathToFileURL(join(resolve(folder), name)));
const wasm = {};
if (entry === "slim.js") {
  for (const name of ["evaluator", "host", "advice"]) wasm[name] = new WebAssembly.Module(await readFile(join(folder, `${name}.wasm`)));
}
const options = entry === "slim.js" ? { wasm } : {};
const answer = answering(await part(entry), await part("evaluator.js"), await part("engine.js"), options);
const runtime = () => {
  if (globalThis.Deno) return `Deno ${Deno.version.deno}`;
  return globalThis.Bun ? `Bun ${Bun.version}` : `Node.js ${process.version.slice(1)}`;
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.op === "load") command.file = new Uint8Array(await readFile(command.module));
  console.log(command.op === "about" ? runtime() : await answer(command));
}
