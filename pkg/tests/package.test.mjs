// The package as a user gets it: run `cargo xtask` to build it first, or name its folder in
// AMBIT_PACKAGE. With AMBIT_FIXTURE, a folder with policy.wasm, policy.wasm.dsse.json, keys.json,
// request.json and answer.json (a native engine's), a real module is loaded as well.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
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

/** Whether the small build runs, as in browsers, instead of Node's own. */
const small = process.env.AMBIT_SMALL !== undefined;

/** The memories of all evaluators that were started, the newest last. */
const memories = [];
const { instantiate, Instance } = WebAssembly;
const noted = (made) => {
  const { exports } = made.instance ?? made;
  if ("policy_evaluate" in exports) memories.push(exports.memory);
  return made;
};
WebAssembly.instantiate = async (...input) => noted(await instantiate(...input));
WebAssembly.Instance = new Proxy(Instance, { construct: (target, input) => noted(new target(...input)) });

const entry = await import(pathToFileURL(join(folder, small ? "slim.js" : "node.js")));
const { load: loadOf, memory, Policy } = entry;
const wasm = (name) => readFile(join(folder, `${name}.wasm`));
const wasms = async () => ({ evaluator: await wasm("evaluator"), host: await wasm("host"), advice: await wasm("advice") });
const given = small ? { wasm: await wasms() } : {};
const UID = "acme/agents";
/** A store that has a policy already. */
const seenBefore = (seen) => {
  const store = memory();
  store.transact([], () => ({ write: new Map([[`policy:${UID}`, { value: JSON.stringify(seen) }]]) }));
  return store;
};
const load = (file, signature, trust, { now = NOW, ...options } = {}) =>
  loadOf({ file, signature }, trust, { uid: UID, store: memory(), clock: () => now, ...given, ...options });

async function code(promise) {
  try {
    await promise;
    return "loaded";
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.code;
  }
}

test("what is not a signed module is refused, each with its code", async () => {
  const refused = (file, detached, trust) => code(load(file, detached, trust));
  assert.equal(await refused(EMPTY_WASM, undefined, KEYS), "module.unsigned");
  assert.equal(await refused(EMPTY_WASM, undefined, JSON.stringify(KEYS)), "module.unsigned");
  assert.equal(await refused(new Uint8Array(), undefined, KEYS), "module.truncated");
  assert.equal(await refused(EMPTY_WASM, new TextEncoder().encode("{}"), KEYS), "module.signature");
  assert.equal(await refused(EMPTY_WASM, "{}", KEYS), "module.signature");
  assert.equal(await refused(new Uint8Array(32 * 1024 * 1024), undefined, KEYS), "module.size");
  for (const trust of [undefined, null, {}, "", "{}", { ...KEYS, threshold: 0 }, 7]) {
    assert.equal(await refused(EMPTY_WASM, undefined, trust), "module.trust", String(trust));
  }
});

test("arguments of another kind are refused", async () => {
  const refused = (file, options) => code(loadOf(file, KEYS, options === undefined ? undefined : { ...given, ...options }));
  const fine = { uid: UID, store: memory() };
  for (const file of [undefined, null, [0, 1], 7, { file: "text" }]) assert.equal(await refused(file, fine), "module.options");
  const digest = "A".repeat(43);
  for (const options of [
    small ? {} : undefined,
    {},
    { uid: UID },
    { store: memory() },
    { ...fine, uid: 7 },
    { ...fine, UID },
    { ...fine, seen: { version: 1, digest } },
    { ...fine, clock: () => NaN },
    { ...fine, clock: () => 2 ** 60 },
    { ...fine, store: {} },
    { ...fine, guest: "short" },
    { ...fine, store: seenBefore(42) },
    { ...fine, store: seenBefore({ version: -1, digest }) },
    { ...fine, store: seenBefore({ version: 1, digest: "short" }) },
    { ...fine, store: seenBefore({ version: 1, digest, other: 1 }) },
  ]) {
    assert.equal(await refused(EMPTY_WASM, options), "module.options", JSON.stringify(options));
  }
});

test("a policy cannot be made without load", () => {
  assert.throws(() => new Policy(), { code: "module.unsigned" });
});

test("every file that the package names is there, and it names every file", async () => {
  const { exports } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const named = Object.values(exports).flatMap((one) => (typeof one === "string" ? [one] : Object.values(one)));
  for (const file of named) assert.ok(existsSync(join(folder, file)), file);
});

test("the reasons of the types are those of the docs", async () => {
  const codes = (text, form) => [...text.matchAll(form)].map(([, code]) => code);
  const types = await readFile(join(folder, "reasons.d.ts"), "utf8");
  const docs = await readFile(join(here, "../../docs/reasons.md"), "utf8");
  assert.deepEqual(codes(types, /^ {2}\| "([a-z_.]+)"/gm), codes(docs, /^\| `([a-z_.]+)` \|/gm));
});

test("a bundle without a signature is refused", async () => {
  const bundle = new TextEncoder().encode("AMBITBDL and more");
  assert.equal(await code(load(bundle, undefined, KEYS)), "module.unsigned");
  assert.equal(await code(load(bundle, "{}", KEYS)), "module.signature");
});

const skip = !fixture && "no AMBIT_FIXTURE";

/** Texts and bytes are questions of their own: requests that were written already. */
const isWritten = (value) => typeof value === "string" || value instanceof Uint8Array;

async function real() {
  const read = (name, encoding) => readFile(join(fixture, name), encoding);
  const [file, detached, keys, request, answer] = await Promise.all([
    read("policy.wasm"),
    read("policy.wasm.dsse.json"),
    read("keys.json", "utf8"),
    read("request.json", "utf8"),
    read("answer.json", "utf8"),
  ]);
  return { file, detached, keys, request, answer, load: (options) => load(file, detached, keys, options) };
}

/** What a store has of the policy. */
async function seenIn(store) {
  let seen;
  await store.transact([`policy:${UID}`], (kept) => ((seen = JSON.parse(kept.get(`policy:${UID}`)?.value ?? "null")), {}));
  return seen;
}

test("a bundle alone is the policy of its module", { skip }, async () => {
  const { detached, keys, request, answer, load: loadWhole } = await real();
  const bundle = await readFile(join(fixture, "policy.bundle"));
  const alone = (options, file = bundle, signature = detached, trust = keys) => load(file, signature, trust, options);
  const [store, other] = [memory(), memory()];
  const policy = await alone({ store });
  assert.equal(policy.evaluateText(request), answer);
  const seen = await seenIn(store);
  await loadWhole({ store: other });
  assert.deepEqual(seen, await seenIn(other), "a module and its bundle are one version");
  assert.equal(await code(alone({ store: other })), "loaded");
  assert.equal(await code(alone({ store: seenBefore({ ...seen, version: seen.version + 1 }) })), "module.rollback");
  assert.equal(await code(alone({ store: seenBefore({ ...seen, digest: "A".repeat(43) }) })), "module.same_version");
  assert.equal(await code(alone({ uid: "another/policy" })), "module.uid");
  assert.equal(await code(alone({}, bundle, null)), "module.unsigned");
  for (let at = 8; at < bundle.length; at += 97) {
    const altered = Uint8Array.from(bundle);
    altered[at] ^= 1;
    assert.equal(await code(alone({}, altered)), "module.altered");
  }
  const demanding = (guests) => code(alone({}, bundle, detached, { ...JSON.parse(keys), guests }));
  const { guest_s256, bundle_s256, signers } = policy.statement;
  assert.deepEqual(signers, ["module-1"]);
  assert.equal(await demanding([guest_s256]), "loaded");
  assert.equal(await demanding([bundle_s256]), "module.guest");
  assert.equal(await demanding([]), "module.trust");
  assert.equal(await code(alone({ guest: guest_s256 })), "loaded");
  assert.equal(await code(alone({ guest: bundle_s256 })), "module.guest");
});

test("a policy is loaded from where it lies", { skip }, async () => {
  const { keys, request, answer } = await real();
  const place = (name) => (small ? undefined : pathToFileURL(join(fixture, name)));
  const server = createServer(async ({ url }, told) => {
    const bytes = await readFile(join(fixture, url.slice(1))).catch(() => undefined);
    told.writeHead(bytes ? 200 : 404).end(bytes);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const web = (name) => `http://127.0.0.1:${server.address().port}/${name}`;
  const sources = ["policy.bundle", "policy.wasm"].flatMap((name) => [web(name), new URL(web(name)), ...(small ? [] : [place(name), join(fixture, name)])]);
  try {
    for (const source of sources) {
      const policy = await loadOf(source, keys, { uid: UID, store: memory(), clock: () => NOW, ...given });
      assert.equal(policy.evaluateText(request), answer, `${source}`);
    }
    const missing = [web("none.wasm"), ...(small ? [] : [join(fixture, "none.wasm")])];
    for (const source of missing) {
      assert.equal(await code(loadOf(source, keys, { uid: UID, store: memory(), ...given })), "module.read", source);
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("a real module answers as the native engine does", { skip }, async () => {
  const { file, detached, keys, request, answer, load: loadWhole } = await real();
  const policy = await loadWhole();
  assert.equal(policy.evaluateText(request), answer);
  assert.equal(policy.evaluateText(request), answer, "a chain seen before changes nothing");
  assert.equal(await policy.raw("evaluate", request), answer);
  assert.equal(new TextDecoder().decode(policy.evaluateBytes(new TextEncoder().encode(request))), answer);
  for (const question of [request, new TextEncoder().encode(request), JSON.parse(request)]) {
    assert.equal((await policy.ask(question)).decision, true);
  }
  const reason = (answer) => answer.context.reason.code;
  for (const odd of [undefined, 7, {}, "", `{"half": "\ud800"}`]) {
    assert.equal(reason(JSON.parse(policy.evaluateText(odd))), "request.syntax");
  }
  assert.equal(reason(JSON.parse(policy.evaluateText(`"${"x".repeat(300_000)}"`))), "request.size");
  await assert.rejects(policy.raw("free"), { code: "engine.question" });

  const store = memory();
  await loadWhole({ store });
  const seen = await seenIn(store);
  assert.equal(policy.statement.version, seen.version);
  assert.equal(JSON.parse(await policy.raw("info")).uid, UID);
  // It was verified all the same: an older one that lasts longer must not come after it.
  const late = memory();
  await assert.rejects(loadWhole({ store: late, now: policy.statement.expires }), { code: "module.expired", seen });
  assert.deepEqual(await seenIn(late), seen);
  const altered = Uint8Array.from(file);
  altered[altered.length - 1] ^= 1;
  const none = memory();
  assert.equal(await code(load(altered, detached, keys, { store: none })), "module.altered");
  assert.equal(await seenIn(none), null);
  // Using what was given back is denied, and harms no other policy.
  const other = await loadWhole();
  policy.free();
  policy.free();
  assert.equal(reason(await policy.ask({})), "engine.trap");
  assert.equal((await policy.enforce(request)).permitted, false);
  assert.equal(policy.statement, undefined);
  assert.equal(reason(await other.ask({})), "request.member");
  other.free();
});

const cyclic = {};
cyclic.self = cyclic;
class Amount {
  value = 1;
}
/** What JSON cannot say, or says as something else. */
const ODD = [
  undefined,
  NaN,
  Infinity,
  -Infinity,
  -0,
  1n,
  2n ** 70n,
  () => 1,
  Symbol("s"),
  "half \ud800",
  [1, , 3],
  [1, undefined],
  Object.assign([1], { more: 1 }),
  Object.setPrototypeOf([1], null),
  new (class extends Array {})(2),
  { half: "\udc00" },
  { "\ud800": 1 },
  { left: undefined },
  { [Symbol("s")]: 1 },
  { toJSON: () => "another" },
  {
    get computed() {
      throw new Error("it ran");
    },
  },
  Object.defineProperty({}, "hidden", { value: 1 }),
  Object.create({ inherited: 1 }),
  new Proxy({ a: 1 }, {}),
  new Proxy({}, { ownKeys: () => { throw new Error("it ran"); } }),
  new Date(0),
  new Map([["a", 1]]),
  new Set([1]),
  new Uint8Array(2),
  new Number(3),
  new Amount(),
  cyclic,
];

test("what JSON cannot say is a denial, and never something else", { skip }, async () => {
  const { load, request, answer } = await real();
  const policy = await load();
  const allowed = JSON.parse(answer).decision;
  assert.equal(allowed, true);
  for (const [at, odd] of ODD.entries()) {
    const whole = JSON.parse(request);
    const args = { ...whole.evaluation.action.properties.args, subject: odd };
    const places = [
      odd,
      { ...whole, entities: odd },
      { ...whole, facts: { ...whole.facts, nonce: odd } },
      { ...whole, evaluation: { ...whole.evaluation, action: { name: "email", properties: { power: "draft", args } } } },
      { ...whole, approvals: [odd] },
    ];
    for (const place of places) {
      const { decision, context } = await policy.ask(place);
      assert.equal(decision, false);
      assert.equal(context.reason.code, isWritten(place) ? "request.syntax" : "request.value", `${at}: ${context.reason.admin}`);
    }
    assert.equal((await policy.describe({ authorization_details: [odd] })).error?.code, "request.value", `${at}`);
    assert.equal((await policy.ask(whole)).decision, true, "the next one is answered");
  }
  assert.match((await policy.ask({ facts: { now: NaN } })).context.reason.admin, /^facts\.now is NaN/);
  // Shared parts are no cycle, but what they grow to is bounded.
  let wide = ["x"];
  for (let level = 0; level < 40; level += 1) wide = [wide, wide];
  assert.equal((await policy.ask(wide)).context.reason.code, "request.size");
  policy.free();
});

test("a number with a fraction is taken if its text has at most 15 digits", { skip }, async () => {
  const { load, request } = await real();
  const policy = await load();
  const whole = JSON.parse(request);
  const ask = async (value) => {
    const args = { ...whole.evaluation.action.properties.args, attachments: { sizes: [value] } };
    const action = { ...whole.evaluation.action, properties: { ...whole.evaluation.action.properties, args } };
    return (await policy.ask({ ...whole, evaluation: { ...whole.evaluation, action } })).context.reason;
  };
  const taken = (await ask(1)).code;
  assert.notEqual(taken, "request.number");
  for (const value of [1.5, -48.2, 0.1, 0.000012345678901, 123456789012.345, 1.5e-7, 1.25e-300, 1e21, 2 ** 53 - 1]) {
    assert.equal((await ask(value)).code, taken, `${value}`);
  }
  for (const value of [0.1 + 0.2, -0.1 - 0.2, 1 / 3, 0.00001234567890123456, 1234567890123.4567, Number.EPSILON]) {
    const { code, admin } = await ask(value);
    assert.equal(code, "request.number", `${value}`);
    assert.match(admin, /^evaluation\.action\.properties\.args\.attachments\.sizes\.0 is .*more than 15 digits/);
  }
  for (const value of [2 ** 53, 2 ** 70 + 2 ** 18, 1e301, 1e-301, Number.MAX_VALUE]) {
    assert.equal((await ask(value)).code, "request.number", `${value}`);
  }
  policy.free();
});

/** Runs `body` while every object inherits something. */
function polluted(name, value, body) {
  Object.defineProperty(Object.prototype, name, { value, writable: true, configurable: true, enumerable: true });
  try {
    return body();
  } finally {
    delete Object.prototype[name];
  }
}

test("what every object inherits is no part of a request", { skip }, async () => {
  const { load, request, answer } = await real();
  const policy = await load();
  const whole = JSON.parse(request);
  const { token, ...rest } = whole;
  for (const name of ["value", "get", "writable", "enumerable", "toJSON", "token", "decision", "facts", "length", "0"]) {
    const asked = polluted(name, token, () => [
      policy.ask({ ...rest, get token() { return token; } }),
      policy.ask(rest),
      policy.ask(whole),
    ]);
    const given = await Promise.all(asked);
    const codes = given.map(({ context }) => context.reason.code);
    assert.deepEqual(codes, ["request.value", "token.missing", "allowed"], name);
  }
  const own = JSON.parse(`{"__proto__": {"token": 1}, ${request.slice(1)}`);
  assert.equal((await policy.ask(own)).context.reason.code, "request.member");
  assert.equal((await policy.ask({ __proto__: whole })).context.reason.code, "request.value");
  assert.equal(policy.evaluateText(request), answer);
  policy.free();
});

test("a fault that has a code of another is a fault", { skip }, async () => {
  const { load, request, answer } = await real();
  const policy = await load();
  const spoil = () => new Uint8Array(memories.at(-1).buffer).fill(0xff);
  spoil();
  for (const inherited of ["ERR_X", "module.options"]) {
    const stopped = await polluted("code", inherited, () => policy.ask(JSON.parse(request)));
    assert.ok([answer, "engine.trap"].includes(stopped.context.reason.code), "only the first call stops");
    assert.equal(policy.evaluateText(request), answer, "and the next runs in a new instance");
    spoil();
  }
  assert.equal((await policy.ask({})).context.reason.code, "engine.trap");
  policy.free();
});

test("bytes that change while they are read are copied first", { skip }, async () => {
  const { load, request, answer } = await real();
  const policy = await load();
  const text = (bytes) => new TextDecoder().decode(bytes);
  const bytes = new TextEncoder().encode(request);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  assert.equal(text(policy.evaluateBytes(shared)), answer);
  const growing = new ArrayBuffer(bytes.length, { maxByteLength: 2 * bytes.length });
  const whole = new Uint8Array(growing);
  const part = new Uint8Array(growing, 0, bytes.length);
  whole.set(bytes);
  assert.equal(text(policy.evaluateBytes(whole)), answer);
  growing.resize(8);
  for (const cut of [whole, part]) assert.equal(JSON.parse(text(policy.evaluateBytes(cut))).decision, false);
  const huge = await policy.ask("x".repeat(2 ** 28));
  assert.equal(huge.context.reason.code, "request.size");
  assert.equal(policy.evaluateText(request), answer);
  policy.free();
});

test("bytes that are not there are denied, and harm nothing", { skip }, async () => {
  const { load: loadWhole, request, answer, detached, keys } = await real();
  const policy = await loadWhole();
  const text = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
  const gone = new Uint8Array(8);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  for (const odd of [gone, undefined, null, "{}", 7, new ArrayBuffer(8), [1], new DataView(new ArrayBuffer(8)), new Proxy(new Uint8Array(2), {})]) {
    assert.equal(text(policy.evaluateBytes(odd)).context.reason.code, "request.syntax");
    const refused = odd instanceof ArrayBuffer ? "module.format" : "module.options";
    assert.equal(await code(load(odd, detached, keys)), refused);
    assert.equal(policy.evaluateText(request), answer);
  }
  policy.free();
});

test("after a trap the next call runs in a new instance", { skip }, async () => {
  const { load, request, answer } = await real();
  const [policy, other] = [await load(), await load()];
  // Nobody's memory is sound after this: the evaluator stops.
  new Uint8Array(memories.at(-1).buffer).fill(0xff);
  assert.equal((await policy.ask(JSON.parse(request))).context.reason.code, "engine.trap");
  for (const again of [policy, other, await load()]) {
    assert.equal(again.evaluateText(request), answer);
    assert.equal(await again.raw("info"), await other.raw("info"));
  }
  // Out of stack somewhere inside: a denial or an answer, and afterwards answers.
  let traps = 0;
  const deep = () => {
    try {
      deep();
    } catch {
      // The stack ends here.
    }
    if (traps < 3 && JSON.parse(policy.evaluateText(request)).context.reason.code === "engine.trap") traps += 1;
  };
  try {
    deep();
  } catch {
    // So does it in the test's own code.
  }
  assert.equal(policy.evaluateText(request), answer);
  policy.free();
  assert.equal((await policy.ask({})).context.reason.code, "engine.trap");
  assert.equal(other.evaluateText(request), answer);
});

test("advice and consent texts come from a further file", { skip }, async () => {
  const { load, request, answer } = await real();
  const policy = await load();
  const started = memories.length;
  const denied = JSON.parse(request);
  denied.evaluation.action.properties.power = "execute";
  const { decision, context } = await policy.ask(denied);
  assert.equal(decision, false);
  const advice = await policy.advise(denied);
  assert.deepEqual([advice.decision, advice.reason], [false, context.reason]);
  assert.equal(await policy.raw("advise", JSON.stringify(denied)), JSON.stringify(advice));
  assert.deepEqual((await policy.advise(JSON.parse(request))).alternatives, []);
  assert.equal((await policy.describe({})).error.code, "describe.request");
  assert.match((await policy.digest(denied)).binding_s256, /^[\w-]{43}$/);
  assert.equal((await policy.digest({})).decision, false);
  assert.equal((await policy.signingInput({})).decision, false);
  // A fault of the evaluator while it judges for advice is a denial, and the next call is answered.
  new Uint8Array(memories.at(-1).buffer).fill(0xff);
  assert.equal((await policy.advise(denied)).context.reason.code, "engine.trap");
  assert.equal(policy.evaluateText(request), answer);
  assert.equal(memories.length, started + 1, "a further file is no evaluator");
  assert.equal(await policy.raw("advise", JSON.stringify(denied)), JSON.stringify(advice), "it has joined the new instance");
  assert.equal(memories.length, started + 1);
  // Whoever gives the module back while the file is on its way gets a denial.
  const late = policy.advise(denied);
  policy.free();
  assert.equal((await late).context.reason.code, "engine.trap");
});

test("the files for browsers have no words for faults that nobody hears", async () => {
  const words = /index out of bounds|slice index|capacity overflow|already borrowed/;
  for (const name of ["evaluator", "host", "advice"]) {
    assert.doesNotMatch((await wasm(name)).toString("latin1"), words, name);
  }
});

/** The package anew, as another program would have it; `advice` is what it gets for that file. */
async function elsewhere(body, advice) {
  const copy = await mkdtemp(join(tmpdir(), "ambit-package-"));
  try {
    await cp(folder, copy, { recursive: true });
    const other = await import(pathToFileURL(join(copy, "slim.js")));
    const { file, detached, keys } = await real();
    const options = { uid: UID, store: other.memory(), clock: () => NOW, wasm: { ...(await wasms()), advice } };
    await body(await other.load({ file, signature: detached }, keys, options));
  } finally {
    await rm(copy, { recursive: true });
  }
}

const moved = "a further file of another build is refused in words, and deciding goes on";
test(moved, { skip }, async () => {
  const { request, answer } = await real();
  const further = Buffer.from(await wasm("advice"));
  const digit = further.indexOf("build-") + "build-".length;
  further[digit] = further[digit] === 0x30 ? 0x31 : 0x30;
  // One that wants nothing of the first is none either.
  for (const file of [further, EMPTY_WASM]) {
    await elsewhere(async (policy) => {
      await assert.rejects(policy.advise(JSON.parse(request)), { code: "engine.advice", message: /not of one build/ });
      assert.equal(policy.evaluateText(request), answer);
      assert.match((await policy.digest(JSON.parse(request))).binding_s256, /^[\w-]{43}$/);
    }, file);
  }
});

test("a further file that is not there is said in words", { skip }, async () => {
  const { request, answer } = await real();
  const none = Promise.reject(new Error("not found"));
  none.catch(() => undefined);
  await elsewhere(async (policy) => {
    await assert.rejects(policy.advise({}), { code: "engine.advice", message: /cannot be loaded/ });
    assert.equal(policy.evaluateText(request), answer);
  }, none);
  await elsewhere(async (policy) => {
    await assert.rejects(policy.describe({}), { code: "engine.advice", message: /was not given/ });
    assert.equal(policy.evaluateText(request), answer);
  }, undefined);
});
