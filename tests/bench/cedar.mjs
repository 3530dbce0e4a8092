// Measures guard rails alone in Node: the wasm test module, and the npm package of Cedar beside it, on
// the files that `ambit-bench FOLDER cedar` has written. Usage: node cedar.mjs FOLDER [CEDAR_PACKAGE]

import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

import { measure } from "./measure.mjs";

const [folder, peer] = process.argv.slice(2).map((path) => resolve(path));
const wasm = await WebAssembly.compile(await readFile(join(folder, "vectors_guest.wasm")));

async function load(program) {
  const { exports } = await WebAssembly.instantiate(wasm);
  const { memory, vectors_alloc, vectors_free, cedar_load, cedar_authorize } = exports;
  const write = (bytes) => {
    const at = vectors_alloc(bytes.length);
    new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
    return at;
  };
  if (cedar_load(write(program), program.length) !== 1) throw new Error("the program is refused");
  const encoder = new TextEncoder();
  return (text) => {
    const bytes = encoder.encode(text);
    const packed = BigInt.asUintN(64, cedar_authorize(write(bytes), bytes.length));
    const [where, length] = [Number(packed >> 32n), Number(packed & 0xffffffffn)];
    const answer = Buffer.from(memory.buffer, where, length).toString();
    vectors_free(where, length);
    return answer;
  };
}

function check(name, requests, expected, decide) {
  requests.forEach((request, number) => {
    if (decide(request) !== expected[number]) throw new Error(`${name} differs from the crate: ${request}`);
  });
}

function inTurns(requests, work) {
  let next = 0;
  return () => work(requests[next++ % requests.length]);
}

async function ours(labels, read, requests, expected) {
  const ask = await load(await read("program"));
  check("node", requests, expected, (request) => {
    const { permits, forbids } = JSON.parse(ask(request));
    return permits.length > 0 && forbids.length === 0;
  });
  measure({ ...labels("parsing counted"), engine: "node" }, inTurns(requests, ask), 33);
}

async function cedar(labels, read, requests, expected) {
  const { preparsePolicySet, preparseSchema, statefulIsAuthorized } = createRequire(import.meta.url)(peer);
  const done = (answer) => {
    if (answer.type !== "success") throw new Error(JSON.stringify(answer));
  };
  done(preparseSchema("schema", (await read("schema.cedarschema")).toString()));
  done(preparsePolicySet("policies", { staticPolicies: (await read("policies.cedar")).toString() }));
  const ask = (text) => {
    const call = { ...JSON.parse(text), preparsedSchemaName: "schema", preparsedPolicySetId: "policies" };
    const answer = statefulIsAuthorized(call);
    return answer.type === "success" && answer.response.decision === "allow";
  };
  check("cedar-wasm", requests, expected, ask);
  const stateful = { ...labels("statefulIsAuthorized"), engine: "cedar-wasm" };
  measure(stateful, inTurns(requests, ask), 11);
}

for (const name of (await readdir(join(folder, "cedar"))).sort()) {
  const [family, size] = name.split("-");
  const read = (file) => readFile(join(folder, "cedar", name, file));
  const requests = (await read("requests.jsonl")).toString().split("\n");
  const expected = JSON.parse(await read("expected.json"));
  const labels = (how) => ({ what: `${family} ${size}, ${how}`, family, size: Number(size), how });
  await ours(labels, read, requests, expected);
  if (peer !== undefined) await cedar(labels, read, requests, expected);
}
