// The npm evaluator behind a line protocol: one JSON command a line in, one line out.
//
//   {"op": "load", "policy": ID, "module": FILE, "trust": TEXT, "now": SECONDS, "uid": UID}   ok
//   {"op": "evaluate" | "advise" | "describe" | "info", "policy": ID, "input": BASE64}       the output in base64
//
// A line that starts with "error: " says what failed. Usage: node node.mjs FOLDER_OF_THE_PACKAGE ENTRY,
// which is `node.js`, or `index.js` with the files for browsers.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [, , folder, entry] = process.argv;
const { init, PolicyModule } = await import(pathToFileURL(join(resolve(folder), entry)));
const wasm = (name) => readFile(join(folder, name));
await (entry === "index.js" ? init(wasm("evaluator.wasm"), { advice: wasm("advice.wasm") }) : init());

const policies = new Map();
const text = new TextDecoder("utf-8", { ignoreBOM: true });
const operations = {
  async load({ policy, module, trust, now }) {
    const file = new Uint8Array(await readFile(module));
    policies.set(policy, PolicyModule.load(file, undefined, trust, { now }));
    return "ok";
  },
  evaluate: ({ policy, input }) => base64(policies.get(policy).evaluateBytes(bytes(input))),
  advise: async ({ policy, input }) => base64(await policies.get(policy).adviseText(text.decode(bytes(input)))),
  describe: async ({ policy, input }) => base64(await policies.get(policy).describeText(text.decode(bytes(input)))),
  info: ({ policy }) => base64(policies.get(policy).infoText()),
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
