// Measures the npm evaluator in Node on files that `cargo xtask bench` has prepared, beside Node's own
// Ed25519. It measures in turns with the other engines: `src/remote.rs` describes how it is asked.
// Usage: node node.mjs FOLDER FOLDER_OF_THE_PACKAGE

import { createPublicKey, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [folder, npm] = process.argv.slice(2).map((path) => resolve(path));
const rows = [];
const row = (what, work) => rows.push({ what, work });

async function signature() {
  const bytes = await readFile(join(folder, "signature.case"));
  const { instance } = await WebAssembly.instantiate(await readFile(join(folder, "vectors_guest.wasm")));
  const { memory, vectors_alloc, vectors_run, vectors_free } = instance.exports;
  const run = () => {
    const at = vectors_alloc(bytes.length);
    new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
    const packed = BigInt.asUintN(64, vectors_run(at, bytes.length));
    const [where, length] = [Number(packed >> 32n), Number(packed & 0xffffffffn)];
    const verified = Buffer.from(memory.buffer, where, length).includes("true");
    vectors_free(where, length);
    return verified;
  };
  if (!run()) throw new Error("the signature to be measured does not verify");
  row("strict Ed25519 verification", run);

  const [key, message, made] = fields(bytes);
  const jwk = { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") };
  const publicKey = createPublicKey({ key: jwk, format: "jwk" });
  if (!verify(null, message, publicKey, made)) throw new Error("node:crypto does not verify");
  row("Ed25519 of node:crypto, which is not strict", () => verify(null, message, publicKey, made));
}

// A tag byte, then each field with its length (little-endian u32) before it.
function fields(bytes) {
  const found = [];
  for (let at = 1; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    found.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return found;
}

async function decisions() {
  const { load, memory } = await import(pathToFileURL(join(npm, "node.js")));
  const file = new Uint8Array(await readFile(join(folder, "policy.wasm")));
  const trust = await readFile(join(folder, "keys.json"), "utf8");
  const now = Number(await readFile(join(folder, "now"), "utf8"));
  const uid = await readFile(join(folder, "uid"), "utf8");
  const policy = await load(file, trust, { uid, store: memory(), clock: () => now });
  for (const [name, what] of [
    ["known", "known token, no proof"],
    ["new", "new token, no proof"],
    ["ed25519", "known token, Ed25519 proof"],
    ["p256", "known token, P-256 proof"],
  ]) {
    const requests = (await readFile(join(folder, `${name}.jsonl`), "utf8")).trimEnd().split("\n");
    for (const request of requests) {
      const answer = policy.evaluateText(request);
      if (!answer.startsWith('{"decision":true,')) throw new Error(`not allowed: ${answer}`);
    }
    let next = 0;
    row(what, () => policy.evaluateText(requests[next++ % requests.length]));
  }
}

// V8 compiles what is warm anew; a sample must not meet that.
function warm({ work }) {
  const start = performance.now();
  while (performance.now() - start < 300) work();
}

await signature();
await decisions();
rows.forEach(warm);
console.log(JSON.stringify(rows.map(({ what }) => ["node", what])));
for await (const line of createInterface({ input: process.stdin })) {
  const [number, runs] = line.split(" ").map(Number);
  const { work } = rows[number];
  const start = performance.now();
  for (let run = 0; run < runs; run += 1) work();
  console.log(Math.round((performance.now() - start) * 1e6));
}
