// Calls of every kind to the npm package in Node, one after another: each answer is as expected, a trap denies one call, and
// no memory grows. Prints one JSON line for each check, as `cargo xtask soak` reads them.
// Usage: node --expose-gc calls.mjs FIXTURE FOLDER_OF_THE_PACKAGE fast|small CALLS

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

import { decoded, token } from "../../pkg/tests/mint.mjs";

const [fixture, npm] = process.argv.slice(2, 4).map((path) => resolve(path));
const [build, wanted] = process.argv.slice(4);
const calls = Number(wanted);
if (!["fast", "small"].includes(build) || !(calls >= 2000)) throw new Error("usage: calls.mjs FIXTURE NPM fast|small CALLS (2000 or more)");
const UID = "acme/agents";
const START = 1772000400;
/** Different tokens that come again and again: more than an evaluator remembers. */
const TOKENS = 300;
/** Characters of the largest requests. */
const LARGEST = 50_000;
/** How often memory is looked at. */
const LOOKS = 200;
/** Traps, all in the last fiftieth of the calls: each begins with fresh memory, which must hide no growth before. */
const TRAPS = 20;
/**
 * Bytes by which the process and the heap of JavaScript may grow, besides a tenth: what allocators hold differs from one
 * moment to the next, and the store has the proofs of the last minutes.
 */
const SLACK = { rss: 12 * 2 ** 20, heap: 4 * 2 ** 20 };

/** The memory of the evaluator that runs, and how many were started. */
let its;
let instances = 0;
const { instantiate, Instance } = WebAssembly;
const noted = (made) => {
  const { exports } = made.instance ?? made;
  if ("policy_evaluate" in exports) {
    instances += 1;
    its = exports.memory;
  }
  return made;
};
// The calls of `load`, and those after a trap.
WebAssembly.instantiate = async (...input) => noted(await instantiate(...input));
WebAssembly.Instance = new Proxy(Instance, { construct: (target, input) => noted(new target(...input)) });

const entry = (name) => import(pathToFileURL(join(npm, name)));
const { load, memory } = await entry(build === "fast" ? "node.js" : "slim.js");
const { createKeys, prove } = await entry("holder.js");

const read = (name) => readFile(join(fixture, name), "utf8");
const request = JSON.parse(await read("request.json"));
const bundle = { file: await readFile(join(fixture, "policy.bundle")), signature: await read("policy.wasm.dsse.json") };
let now = START;

async function policyOf() {
  const wasm = async (name) => new Uint8Array(await readFile(join(npm, `${name}.wasm`)));
  const given = build === "small" ? { wasm: { evaluator: await wasm("evaluator"), host: await wasm("host"), advice: await wasm("advice") } } : {};
  return load(bundle, await read("keys.json"), { uid: UID, store: memory(), clock: () => now, log: () => undefined, ...given });
}

const policy = await policyOf();
const keys = await createKeys("Ed25519");
const { kty, crv, x } = await crypto.subtle.exportKey("jwk", keys.publicKey);
const bound = await token(request, { cnf: { jwk: { kty, crv, x } } });
const known = await Promise.all(Array.from({ length: TOKENS }, () => token(request)));
const ARGS = { to: "ann@customer.example", content_type: "text/plain", region: "eu" };
const FACTS = { audience: "https://mail.acme.example", location: "https://mail.acme.example", method: "POST", url: "https://mail.acme.example/c-7" };
const parts = (token, args = ARGS) => ({
  action: "email", power: "draft", args: JSON.stringify(args), purpose: "contract-renewal",
  resource: { type: "customer-contact", id: "c-7" }, token, facts: FACTS,
});

const claims = decoded(request.token.split(".")[1]);

/** The code of a verdict, or `allowed`. */
const said = ({ permitted, answer }) => (permitted ? "allowed" : answer.context.reason.code);
const code = ({ decision, context }) => (decision ? "allowed" : context.reason.code);
const odd = (at) => String.fromCharCode(...Array.from({ length: 40 }, (_, each) => 32 + ((at * 31 + each * 17) % 95)));
/** The first answer to each text, which all later ones must equal. */
const first = new Map();

async function same(text, expected) {
  const answer = await policy.raw("evaluate", text);
  if (!first.has(text)) first.set(text, answer);
  return first.get(text) !== answer ? `another answer: ${answer}` : expected === undefined ? undefined : expected(JSON.parse(answer));
}

const texts = known.map((token, at) => JSON.stringify({ ...request, token, ...(at % 3 === 0 && { evaluation: { ...request.evaluation, resource: { type: "invoice", id: "1" } } }) }));
const KNOWN = (at) => same(texts[at % TOKENS], (answer) => (answer.decision === (at % TOKENS % 3 !== 0) ? undefined : code(answer)));

/** What is done at a call, by its number: nothing, or what went wrong. */
const KINDS = [
  KNOWN, KNOWN, KNOWN, KNOWN, KNOWN, KNOWN, KNOWN, KNOWN, KNOWN,
  // Obeyed, and refused.
  async (at) => is(said(await policy.enforce(parts(known[at % TOKENS]))), "allowed"),
  async (at) => is(said(await policy.enforce(parts(known[at % TOKENS], { ...ARGS, to: "eve@evil.example" }))), "constraint.email_domain"),
  async (at) => is(said(await policy.enforce(texts[at % TOKENS].slice(0, -2))), "request.syntax"),
  // A token that nobody showed before.
  async () => is(said(await policy.enforce(parts(await token(request)))), "allowed"),
  // A proof, which the store keeps until it ends; and once more.
  async () => {
    const asked = { ...parts(bound), proof: await prove(policy, parts(bound), keys) };
    return is(said(await policy.enforce(asked)), "allowed") ?? is(said(await policy.enforce(asked)), "possession.used");
  },
  // Large, and no request at all.
  async (at) => is(said(await policy.enforce(parts(known[at % TOKENS], { ...ARGS, more: "x".repeat(LARGEST - (at % LARGEST)) }))), "request.argument_unknown"),
  async (at) => is(code(await policy.ask(odd(at))), "request.syntax"),
  async (at) => is(code(await policy.ask({ ...request, token: `${known[at % TOKENS].slice(0, -8)}AAAAAAAA` })), "token.signature"),
  // What people read.
  async (at) => (Array.isArray((await policy.advise(parts(known[at % TOKENS], { ...ARGS, region: "us" }))).alternatives) ? undefined : "no advice"),
  async () => (typeof (await policy.digest(parts(known[0]))).display?.text === "string" ? undefined : "no text"),
  async () => (typeof (await policy.describe({ claims, locale: "en", now })).text === "string" ? undefined : "no text"),
];

const is = (found, expected) => (found === expected ? undefined : `${found} where ${expected} was expected`);

/** Spoils all that the evaluator has: one call is denied, and the next is answered. */
async function trap(at) {
  const before = instances;
  new Uint8Array(its.buffer).fill(0xff);
  const denied = is(said(await policy.enforce(texts[1])), "engine.trap");
  return denied ?? (await KNOWN(at)) ?? is(instances, before + 1);
}

const wrong = [];
const samples = [];
const look = () => {
  globalThis.gc();
  samples.push({ pages: its.buffer.byteLength / 65536, rss: process.memoryUsage.rss(), heap: process.memoryUsage().heapUsed });
};
let traps = 0;
const begun = performance.now();
for (let at = 0; at < calls && wrong.length < 5; at += 1) {
  // Twenty-five minutes pass: what ends meanwhile is to be forgotten.
  now = START + Math.floor((1500 * at) / calls);
  const isTrap = at >= calls - calls / 50 && at % Math.floor(calls / 50 / TRAPS) === 0;
  if (isTrap) traps += 1;
  const failed = await (isTrap ? trap(at) : KINDS[at % KINDS.length](at));
  if (failed !== undefined) wrong.push(`call ${at}: ${failed}`);
  if (at % Math.floor(calls / LOOKS) === 0) look();
}
const seconds = (performance.now() - begun) / 1000;

const say = (what, passed, said) => console.log(JSON.stringify({ what: `Node, ${build}: ${what}`, passed, said }));
const quarter = Math.floor(samples.length / 4);
const [second, last] = [samples.slice(quarter, 2 * quarter), samples.slice(3 * quarter)];
const most = (some, name) => Math.max(...some.map((one) => one[name]));
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
say(`${calls} calls, each as it must be`, wrong.length === 0, wrong.join("; ") || `${Math.round(calls / seconds)} a second, ${traps} traps, each of one call`);
const pages = [most(samples.slice(0, quarter), "pages"), most(samples.slice(quarter), "pages")];
say("the evaluator's memory is flat", pages[1] <= pages[0], `${pages.join(" to ")} pages`);
for (const [name, what] of [["rss", "the process"], ["heap", "the heap of JavaScript"]]) {
  const [before, after] = [most(second, name), most(last, name)];
  say(`${what} is flat`, after <= before * 1.1 + SLACK[name], `${mib(before)} to ${mib(after)}`);
}
