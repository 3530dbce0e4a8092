// The npm evaluator behind a line protocol: one JSON command a line in, one line out.
//
//   {"op": "load", "policy": ID, "module": FILE, "trust": TEXT, "now": SECONDS, "uid": UID}   ok
//   {"op": "evaluate" | "advise" | "describe" | "info", "policy": ID, "input": BASE64}       the output in base64
//
// A line that starts with "error: " says what failed. Usage: node node.mjs FOLDER_OF_THE_PACKAGE ENTRY,
// which is `node.js`, or `slim.js` with the files for browsers.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [, , folder, entry] = process.argv;
const { load, memory } = await import(pathToFileURL(join(resolve(folder), entry)));
const wasm = {};
if (entry === "slim.js") {
  for (const name of ["evaluator", "host", "advice"]) wasm[name] = new WebAssembly.Module(await readFile(join(folder, `${name}.wasm`)));
}

const policies = new Map();
const text = new TextDecoder("utf-8", { ignoreBOM: true });
const operations = {
  async load({ policy, module, trust, now, uid }) {
    const file = new Uint8Array(await readFile(module));
    policies.set(policy, await load(file, trust, { uid, store: memory(), clock: () => now, ...(entry === "slim.js" && { wasm }) }));
    return "ok";
  },
  evaluate: ({ policy, input }) => base64(policies.get(policy).evaluateBytes(bytes(input))),
  advise: async ({ policy, input }) => base64(await policies.get(policy).raw("advise", text.decode(bytes(input)))),
  describe: async ({ policy, input }) => base64(await policies.get(policy).raw("describe", text.decode(bytes(input)))),
  info: async ({ policy }) => base64(await policies.get(policy).raw("info")),
};

function bytes(input) {
  return new Uint8Array(Buffer.from(input, "base64"));
}

function base64(output) {
  return Buffer.from(output).toString("base64");
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const command = JSON.parse(line);
    console.log(await operations[command.op](command));
  } catch (error) {
    console.log(`error: ${error.code ?? ""} ${error.message}`);
  }
}
