// The package as a user gets it: run `cargo xtask` to build it first, or name its folder in
// AMBIT_PACKAGE. With AMBIT_FIXTURE, a folder with policy.wasm, policy.wasm.dsse.json, keys.json,
// request.json and answer.json (a native engine's), a real module is loaded as well.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
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

const { httpResponse, init: initOf, PolicyModule, refuse } = await import(pathToFileURL(join(folder, small ? "index.js" : "node.js")));
const wasm = (name) => readFile(join(folder, name));
const init = () => (small ? initOf(wasm("evaluator.wasm"), { advice: wasm("advice.wasm") }) : initOf());

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

test("nothing is said before init", () => {
  assert.equal(code(() => refuse("possession.used")), "engine.not_started");
  assert.equal(code(() => httpResponse({})), "engine.not_started");
});

test("init may be called again", async () => {
  await Promise.all([init(), init()]);
  await init();
});

test("a host's own refusal is a denial like any other, over HTTP too", () => {
  const answer = refuse("possession.used", "jti 7");
  assert.equal(answer.decision, false);
  assert.deepEqual(Object.keys(answer.context), ["reason", "obligations", "remedy", "policies", "record"]);
  assert.equal(answer.context.reason.code, "possession.used");
  assert.equal(answer.context.reason.admin, "jti 7");
  const { status, headers, problem } = httpResponse(answer, { nonce: "n-1" });
  assert.equal(status, 401);
  assert.match(headers["www-authenticate"], /^DPoP algs="Ed25519 ES256", error="invalid_dpop_proof"/);
  const bearer = httpResponse(refuse("token.missing"), { possession: "off" });
  assert.equal(bearer.headers["www-authenticate"], 'Bearer realm="ambit"');
  assert.equal(headers["dpop-nonce"], "n-1");
  assert.equal(problem.code, "possession.used");
  assert.equal(JSON.stringify(problem).includes("jti 7"), false);
  assert.equal(refuse("no.code").context.reason.code, "engine.trap");
  const quiet = { type: "about:blank", title: "Internal Server Error", status: 500 };
  for (const wrong of [refuse("facts.missing", "x"), undefined, 7, { decision: true }, { toString: () => "x" }]) {
    assert.deepEqual(httpResponse(wrong).problem, quiet);
  }
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

test("a bundle without a signature is refused", () => {
  const bundle = new TextEncoder().encode("AMBITBDL and more");
  const load = (detached) => code(() => PolicyModule.load(bundle, detached, KEYS, { now: NOW }));
  assert.equal(load(undefined), "module.unsigned");
  assert.equal(load(new TextEncoder().encode("{}")), "module.signature");
});

const skip = !fixture && "no AMBIT_FIXTURE";

async function real() {
  const read = (name, encoding) => readFile(join(fixture, name), encoding);
  const [file, detached, keys, request, answer] = await Promise.all([
    read("policy.wasm"),
    read("policy.wasm.dsse.json"),
    read("keys.json", "utf8"),
    read("request.json", "utf8"),
    read("answer.json", "utf8"),
  ]);
  const load = (options) => PolicyModule.load(file, detached, keys, { now: NOW, ...options });
  return { file, detached, keys, request, answer, load };
}

test("a bundle alone is the policy of its module", { skip }, async () => {
  const { detached, keys, request, answer, load } = await real();
  const bundle = await readFile(join(fixture, "policy.bundle"));
  const alone = (options, file = bundle, signature = detached, trust = keys) =>
    PolicyModule.load(file, signature, trust, { now: NOW, ...options });
  const policy = alone();
  assert.equal(policy.evaluateText(request), answer);
  const { seen } = policy;
  assert.deepEqual(seen, load().seen, "a module and its bundle are one version");
  assert.equal(code(() => alone({ seen })), "loaded");
  assert.equal(code(() => alone({ seen: { ...seen, version: seen.version + 1 } })), "module.rollback");
  assert.equal(code(() => alone({ seen: { ...seen, digest: "A".repeat(43) } })), "module.same_version");
  assert.equal(code(() => alone({ uid: "another/policy" })), "module.uid");
  assert.throws(() => alone({ now: policy.info().expires }), { code: "module.expired", seen });
  assert.equal(code(() => alone({}, bundle, null)), "module.unsigned");
  for (let at = 8; at < bundle.length; at += 97) {
    const altered = Uint8Array.from(bundle);
    altered[at] ^= 1;
    assert.equal(code(() => alone({}, altered)), "module.altered");
  }
  const demanding = (guests) => code(() => alone({}, bundle, detached, { ...JSON.parse(keys), guests }));
  const statement = JSON.parse(atob(JSON.parse(new TextDecoder().decode(detached)).payload));
  assert.equal(demanding([statement.predicate.guest_s256]), "loaded");
  assert.equal(demanding([statement.predicate.bundle_s256]), "module.guest");
  assert.equal(demanding([]), "module.trust");
});

test("a real module answers as the native engine does", { skip }, async () => {
  const { file, detached, keys, request, answer, load } = await real();
  const policy = load();
  assert.equal(policy.evaluateText(request), answer);
  assert.equal(policy.evaluateText(request), answer, "a chain seen before changes nothing");
  assert.equal(new TextDecoder().decode(policy.evaluateBytes(new TextEncoder().encode(request))), answer);
  assert.equal(policy.evaluate(JSON.parse(request)).decision, JSON.parse(answer).decision);

  const reason = (answer) => answer.context.reason.code;
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
  // It was verified all the same: an older one that lasts longer must not come after it.
  assert.throws(() => load({ now: policy.info().expires }), { code: "module.expired", seen });
  assert.throws(
    () => load({ uid: "another/policy", now: policy.info().expires }),
    (error) => error.code === "module.uid" && !("seen" in error),
  );
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
  const policy = load();
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
      const { decision, context } = policy.evaluate(place);
      assert.equal(decision, false);
      assert.equal(context.reason.code, "request.value", `${at}: ${context.reason.admin}`);
    }
    assert.equal((await policy.describe({ authorization_details: [odd] })).error?.code, "request.value", `${at}`);
    assert.equal(policy.evaluate(whole).decision, true, "the next one is answered");
  }
  assert.match(policy.evaluate({ facts: { now: NaN } }).context.reason.admin, /^facts\.now is NaN/);
  // Shared parts are no cycle, but what they grow to is bounded.
  let wide = ["x"];
  for (let level = 0; level < 40; level += 1) wide = [wide, wide];
  assert.equal(policy.evaluate(wide).context.reason.code, "request.size");
  policy.free();
});

test("a number with a fraction is taken if its text has at most 15 digits", { skip }, async () => {
  const { load, request } = await real();
  const policy = load();
  const whole = JSON.parse(request);
  const ask = (value) => {
    const args = { ...whole.evaluation.action.properties.args, attachments: { sizes: [value] } };
    const action = { ...whole.evaluation.action, properties: { ...whole.evaluation.action.properties, args } };
    return policy.evaluate({ ...whole, evaluation: { ...whole.evaluation, action } }).context.reason;
  };
  const taken = ask(1).code;
  assert.notEqual(taken, "request.number");
  for (const value of [1.5, -48.2, 0.1, 0.000012345678901, 123456789012.345, 1.5e-7, 1.25e-300, 1e21, 2 ** 53 - 1]) {
    assert.equal(ask(value).code, taken, `${value}`);
  }
  for (const value of [0.1 + 0.2, -0.1 - 0.2, 1 / 3, 0.00001234567890123456, 1234567890123.4567, Number.EPSILON]) {
    const { code, admin } = ask(value);
    assert.equal(code, "request.number", `${value}`);
    assert.match(admin, /^evaluation\.action\.properties\.args\.attachments\.sizes\.0 is .*more than 15 digits/);
  }
  for (const value of [2 ** 53, 2 ** 70 + 2 ** 18, 1e301, 1e-301, Number.MAX_VALUE]) {
    assert.equal(ask(value).code, "request.number", `${value}`);
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
  const policy = load();
  const whole = JSON.parse(request);
  const { token, ...rest } = whole;
  for (const name of ["value", "get", "writable", "enumerable", "toJSON", "token", "decision", "facts", "length", "0"]) {
    const given = polluted(name, token, () => [
      policy.evaluate({ ...rest, get token() { return token; } }),
      policy.evaluate(rest),
      policy.evaluate(whole),
    ]);
    const codes = given.map(({ context }) => context.reason.code);
    assert.deepEqual(codes, ["request.value", "token.missing", "allowed"], name);
  }
  const own = JSON.parse(`{"__proto__": {"token": 1}, ${request.slice(1)}`);
  assert.equal(policy.evaluate(own).context.reason.code, "request.member");
  assert.equal(policy.evaluate({ __proto__: whole }).context.reason.code, "request.value");
  assert.equal(policy.evaluateText(request), answer);
  policy.free();
});

test("a fault that has a code of another is a fault", { skip }, async () => {
  const { load, request, answer } = await real();
  const policy = load();
  const spoil = () => new Uint8Array(memories.at(-1).buffer).fill(0xff);
  spoil();
  for (const inherited of ["ERR_X", "module.options"]) {
    const stopped = polluted("code", inherited, () => policy.evaluate(JSON.parse(request)));
    assert.ok([answer, "engine.trap"].includes(stopped.context.reason.code), "only the first call stops");
    assert.equal(policy.evaluateText(request), answer, "and the next runs in a new instance");
    spoil();
  }
  assert.equal(policy.evaluate({}).context.reason.code, "engine.trap");
  policy.free();
});

test("bytes that change while they are read are copied first", { skip }, async () => {
  const { load, request, answer } = await real();
  const policy = load();
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
  const huge = policy.evaluate("x".repeat(2 ** 28));
  assert.equal(huge.context.reason.code, "request.size");
  assert.equal(policy.evaluateText(request), answer);
  policy.free();
});

test("bytes that are not there are denied, and harm nothing", { skip }, async () => {
  const { load, request, answer, file, detached, keys } = await real();
  const policy = load();
  const text = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
  const gone = new Uint8Array(8);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  for (const odd of [gone, undefined, null, "{}", 7, new ArrayBuffer(8), [1], new DataView(new ArrayBuffer(8)), new Proxy(new Uint8Array(2), {})]) {
    assert.equal(text(policy.evaluateBytes(odd)).context.reason.code, "request.syntax");
    assert.equal(code(() => PolicyModule.load(odd, detached, keys, { now: NOW })), "module.options");
    assert.equal(policy.evaluateText(request), answer);
  }
  // Options of a class would lose what it inherits: `uid` among it.
  class Options {
    now = NOW;
    get uid() {
      return "another/policy";
    }
  }
  assert.equal(code(() => PolicyModule.load(file, detached, keys, new Options())), "module.options");
  assert.equal(code(() => load({ seen: undefined, uid: undefined })), "loaded");
  policy.free();
});

test("after a trap the next call runs in a new instance", { skip }, async () => {
  const { load, request, answer } = await real();
  const [policy, other] = [load(), load()];
  // Nobody's memory is sound after this: the evaluator stops.
  new Uint8Array(memories.at(-1).buffer).fill(0xff);
  assert.equal(policy.evaluate(JSON.parse(request)).context.reason.code, "engine.trap");
  for (const again of [policy, other, load()]) {
    assert.equal(again.evaluateText(request), answer);
    assert.equal(again.info().uid, other.info().uid);
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
  assert.equal(policy.evaluate({}).context.reason.code, "engine.trap");
  assert.equal(other.evaluateText(request), answer);
});

test("advice and consent texts come from the second file", { skip }, async () => {
  const { load, request, answer } = await real();
  const policy = load();
  const started = memories.length;
  const denied = JSON.parse(request);
  denied.evaluation.action.properties.power = "execute";
  const { decision, context } = policy.evaluate(denied);
  assert.equal(decision, false);
  const advice = await policy.advise(denied);
  assert.deepEqual([advice.decision, advice.reason], [false, context.reason]);
  assert.equal(await policy.adviseText(JSON.stringify(denied)), JSON.stringify(advice));
  assert.deepEqual((await policy.advise(JSON.parse(request))).alternatives, []);
  assert.equal((await policy.describe({})).error.code, "describe.request");
  assert.match((await policy.digest(denied)).binding_s256, /^[\w-]{43}$/);
  assert.equal((await policy.digest({})).decision, false);
  assert.equal((await policy.signingInput({})).decision, false);
  // A fault of the evaluator while it judges for advice is a denial, and the next call is answered.
  new Uint8Array(memories.at(-1).buffer).fill(0xff);
  assert.equal((await policy.advise(denied)).context.reason.code, "engine.trap");
  assert.equal(policy.evaluateText(request), answer);
  assert.equal(memories.length, started + 1, "the second file is no evaluator");
  assert.equal(await policy.adviseText(JSON.stringify(denied)), JSON.stringify(advice), "it has joined the new instance");
  assert.equal(memories.length, started + 1);
  // Whoever gives the module back while the file is on its way gets a denial.
  const late = policy.advise(denied);
  policy.free();
  assert.equal((await late).context.reason.code, "engine.trap");
});

/** The package anew, as another program would have it; `advice` is what it gets for the second file. */
async function elsewhere(body, advice) {
  const copy = await mkdtemp(join(tmpdir(), "ambit-package-"));
  try {
    await cp(folder, copy, { recursive: true });
    const other = await import(pathToFileURL(join(copy, "index.js")));
    await other.init(wasm("evaluator.wasm"), { advice });
    const { file, detached, keys } = await real();
    await body(other.PolicyModule.load(file, detached, keys, { now: NOW }));
  } finally {
    await rm(copy, { recursive: true });
  }
}

test("a second file of another build is refused in words, and deciding goes on", { skip }, async () => {
  const { request, answer } = await real();
  const second = Buffer.from(await wasm("advice.wasm"));
  const digit = second.indexOf("advice-") + "advice-".length;
  second[digit] = second[digit] === 0x30 ? 0x31 : 0x30;
  await elsewhere(async (policy) => {
    await assert.rejects(policy.advise(JSON.parse(request)), { code: "engine.advice", message: /not of one build/ });
    assert.equal(policy.evaluateText(request), answer);
  }, second);
  const none = Promise.reject(new Error("not found"));
  none.catch(() => undefined);
  await elsewhere(async (policy) => {
    await assert.rejects(policy.digest({}), { code: "engine.advice", message: /cannot be loaded/ });
    assert.equal(policy.evaluateText(request), answer);
  }, none);
});

test("a second file that wants nothing of the first is refused, too", { skip }, async () => {
  const { request, answer } = await real();
  await elsewhere(async (policy) => {
    await assert.rejects(policy.advise(JSON.parse(request)), { code: "engine.advice", message: /not of one build/ });
    assert.equal(policy.evaluateText(request), answer);
  }, EMPTY_WASM);
});
