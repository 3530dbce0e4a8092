// The package as a user gets it: run `cargo xtask` to build it first, or name its folder in
// AMBIT_PACKAGE. With AMBIT_FIXTURE, a folder with policy.wasm, policy.wasm.dsse.json, keys.json,
// request.json and answer.json (a native engine's), a real module is loaded as well.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.env.AMBIT_PACKAGE ?? join(here, "../../target/npm"));
const fixture = process.env.AMBIT_FIXTURE;
const NOW = 1772000400;
const KEYS = {
  threshold: 1,
  keys: [{ kid: "k", jwk: { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } }],
};
const EMPTY_WASM = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

const { init, PolicyModule } = await import(pathToFileURL(join(folder, "node.js")));

function code(body) {
  try {
    body();
    return "loaded";
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.code;
  }
}

test("nothing is loaded before init", () => {
  assert.equal(code(() => PolicyModule.load(EMPTY_WASM, undefined, KEYS, { now: NOW })), "engine.not_started");
});

test("init may be called again", async () => {
  await Promise.all([init(), init()]);
  await init();
});

test("what is not a signed module is refused, each with its code", () => {
  const load = (file, detached, trust, options) => code(() => PolicyModule.load(file, detached, trust, options));
  assert.equal(load(EMPTY_WASM, undefined, KEYS, { now: NOW }), "module.unsigned");
  assert.equal(load(EMPTY_WASM, undefined, JSON.stringify(KEYS), { now: NOW }), "module.unsigned");
  assert.equal(load(new Uint8Array(), undefined, KEYS, { now: NOW }), "module.truncated");
  assert.equal(load(EMPTY_WASM, new TextEncoder().encode("{}"), KEYS, { now: NOW }), "module.signature");
  assert.equal(load(new Uint8Array(32 * 1024 * 1024), undefined, KEYS, { now: NOW }), "module.size");
  for (const trust of [undefined, null, {}, "", "{}", { ...KEYS, threshold: 0 }, 7]) {
    assert.equal(load(EMPTY_WASM, undefined, trust, { now: NOW }), "module.trust", String(trust));
  }
});

test("arguments of another kind are refused", () => {
  const load = (file, options) => code(() => PolicyModule.load(file, undefined, KEYS, options));
  for (const file of [undefined, null, "text", [0, 1], new ArrayBuffer(8)]) {
    assert.equal(load(file, { now: NOW }), "module.options");
  }
  const digest = "A".repeat(43);
  for (const options of [
    undefined,
    {},
    { now: "1772000400" },
    { now: 1.5 },
    { now: NaN },
    { now: 2 ** 53 },
    { now: NOW, uid: 7 },
    { now: NOW, UID: "acme/agents" },
    { now: NOW, seen: 42 },
    { now: NOW, seen: { version: -1, digest } },
    { now: NOW, seen: { version: 1, digest: "short" } },
    { now: NOW, seen: { version: 1, digest, other: 1 } },
  ]) {
    assert.equal(load(EMPTY_WASM, options), "module.options", JSON.stringify(options));
  }
});

test("a policy module cannot be made without load", () => {
  assert.equal(code(() => new PolicyModule()), "module.unsigned");
});

test("every published file is there", async () => {
  const { files } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  for (const file of files) assert.ok(existsSync(join(folder, file)), file);
});

test("a real module answers as the native engine does", { skip: !fixture && "no AMBIT_FIXTURE" }, async () => {
  const read = (name, encoding) => readFile(join(fixture, name), encoding);
  const [file, detached, keys, request, answer] = await Promise.all([
    read("policy.wasm"),
    read("policy.wasm.dsse.json"),
    read("keys.json", "utf8"),
    read("request.json", "utf8"),
    read("answer.json", "utf8"),
  ]);
  const load = (options) => PolicyModule.load(file, detached, keys, { now: NOW, ...options });
  const policy = load();
  assert.equal(policy.evaluateText(request), answer);
  assert.equal(policy.evaluateText(request), answer, "a chain seen before changes nothing");
  assert.equal(new TextDecoder().decode(policy.evaluateBytes(new TextEncoder().encode(request))), answer);
  assert.equal(policy.evaluate(JSON.parse(request)).decision, JSON.parse(answer).decision);

  const reason = (answer) => answer.context.reason.code;
  const cyclic = {};
  cyclic.self = cyclic;
  for (const odd of [undefined, cyclic, { n: 1n }, () => 1, Symbol("s")]) {
    assert.equal(reason(policy.evaluate(odd)), "request.syntax");
  }
  for (const odd of [undefined, 7, {}, "", `{"half": "\ud800"}`]) {
    assert.equal(reason(JSON.parse(policy.evaluateText(odd))), "request.syntax");
  }
  assert.equal(reason(JSON.parse(policy.evaluateText(`"${"x".repeat(300_000)}"`))), "request.size");

  const { seen } = policy;
  assert.equal(policy.info().version, seen.version);
  assert.equal(code(() => load({ seen })), "loaded");
  assert.equal(code(() => load({ seen: { ...seen, version: seen.version + 1 } })), "module.rollback");
  assert.equal(code(() => load({ seen: { ...seen, digest: "A".repeat(43) } })), "module.same_version");
  assert.equal(code(() => load({ uid: policy.info().uid })), "loaded");
  assert.equal(code(() => load({ uid: "another/policy" })), "module.uid");
  assert.equal(code(() => load({ now: policy.info().expires })), "module.expired");
  const altered = Uint8Array.from(file);
  altered[altered.length - 1] ^= 1;
  assert.equal(code(() => PolicyModule.load(altered, detached, keys, { now: NOW })), "module.altered");
  // Using what was given back is denied, and harms no other module.
  const other = load();
  policy.free();
  policy.free();
  assert.equal(reason(policy.evaluate({})), "engine.trap");
  assert.equal(reason(other.evaluate({})), "request.member");
  other.free();
});
