// Obeying answers, with tokens that are minted here.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { deflateSync } from "node:zlib";

import { fixture, npm } from "./browser.mjs";
import { base64url, decoded, jws, publicOf, seeded, token } from "./mint.mjs";

const skip = !fixture && "no AMBIT_FIXTURE";
const NOW = 1772000400;
const small = process.env.AMBIT_SMALL !== undefined;
const entry = (name) => import(pathToFileURL(join(npm, name)));
const memories = [];
const { instantiate, Instance } = WebAssembly;
const noted = (made) => {
  const { exports } = made.instance ?? made;
  if ("policy_evaluate" in exports) memories.push(exports.memory);
  return made;
};
WebAssembly.instantiate = async (...input) => noted(await instantiate(...input));
WebAssembly.Instance = new Proxy(Instance, { construct: (target, input) => noted(new target(...input)) });
const { load, memory, NotDischarged, shown } = await entry(small ? "slim.js" : "node.js");
const { attenuate, createKeys, prove, publicJwk } = await entry("holder.js");
const { signCall, signGrant } = await entry("approver.js");

const given = {};
if (small) {
  given.wasm = {};
  for (const name of ["evaluator", "host", "advice"]) given.wasm[name] = await readFile(join(npm, `${name}.wasm`));
}
const read = (name) => readFile(join(fixture, name), "utf8");
const files = async (folder = fixture) => ({
  file: await readFile(join(folder, "policy.bundle")),
  signature: await readFile(join(folder, "policy.wasm.dsse.json")),
});
const policyOf = async (options) =>
  load(await files(), await read("keys.json"), { uid: "acme/agents", store: memory(), clock: () => NOW, ...given, ...options });
const request = async () => JSON.parse(await read("request.json"));
const refund = { action: "refund", power: "execute", args: '{"amount": 150, "currency": "EUR"}', resource: { type: "contract", id: "account/1042" }, purpose: "contract-renewal" };
const email = { action: "email", power: "draft", args: '{"to":"ann@customer.example","content_type":"text/plain","region":"eu"}', resource: { type: "customer-contact", id: "c-7" }, purpose: "contract-renewal" };
const mail = { audience: "https://mail.acme.example", location: "https://mail.acme.example" };
const crm = { audience: "https://crm.acme.example", location: "https://crm.acme.example" };
/** A call with a fresh token for one audience. */
const call = async (parts, facts, claims) => ({ ...parts, token: await token(await request(), { aud: [facts.audience], ...claims }), facts });
const code = ({ answer }) => answer.context.reason.code;

test("a call that nothing stands against is permitted", { skip }, async () => {
  const policy = await policyOf();
  const parts = await call(email, mail);
  assert.deepEqual(await policy.enforce(await request()).then(({ permitted, discharged }) => [permitted, discharged]), [true, []]);
  const verdict = await policy.enforce(parts);
  assert.equal(verdict.permitted, true, verdict.answer.context.reason.admin);
  assert.equal(verdict.answer.context.record.now, NOW, "the clock's time is filled in");
  assert.equal((await policy.enforce({ ...parts, facts: { ...mail, now: NOW - 1e6 } })).permitted, false, "what was said stays");
});

test("digits stay as they were written, and a member twice is none", { skip }, async () => {
  const policy = await policyOf();
  const made = await policy.request(await call({ ...refund, args: '{"amount": 150, "currency": "EUR", "x": 1.10}' }, crm));
  assert.match(made.request, /"x":1\.10/);
  const twice = await policy.enforce(await call({ ...refund, args: '{"amount": 150, "amount": 1, "currency": "EUR"}' }, crm));
  assert.equal(code(twice), "request.syntax");
});

test("what may happen three times happens three times, also at once", { skip }, async () => {
  for (const at of ["one after the other", "at once"]) {
    const policy = await policyOf();
    const parts = await call(refund, crm);
    const verdicts = [];
    if (at === "at once") verdicts.push(...(await Promise.all(Array.from({ length: 6 }, () => policy.enforce(parts)))));
    else for (let turn = 0; turn < 6; turn += 1) verdicts.push(await policy.enforce(parts));
    assert.equal(verdicts.filter(({ permitted }) => permitted === true).length, 3, at);
    const refused = verdicts.find(({ permitted }) => !permitted);
    assert.match(code(refused), /^limit\./);
    assert.deepEqual(verdicts[0].discharged, ["consume"]);
  }
});

test("a refusal is a response, without what only operators see", { skip }, async () => {
  const policy = await policyOf();
  const verdict = await policy.enforce(await call({ ...email, args: '{"to":"eve@evil.example","content_type":"text/plain","region":"eu"}' }, mail), { nonce: "n-1" });
  assert.equal(verdict.permitted, false);
  const { response } = verdict;
  assert.equal(response.status, 403);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.match(response.headers.get("www-authenticate") ?? "", /insufficient_scope/);
  const problem = await response.json();
  assert.equal(problem.code, code(verdict));
  assert.equal(JSON.stringify(problem).includes(verdict.answer.context.reason.admin), false);
  assert.equal((await verdict.response.json()).code, problem.code, "each is a new one");
  // The fixture's policy wants no proofs, and its challenges say so.
  const { token: _, ...bare } = await call(email, mail);
  for (const missing of [(await policy.enforce(bare)).response, policy.response(policy.refuse("token.missing"))]) {
    assert.equal(missing.headers.get("www-authenticate"), 'Bearer realm="ambit"');
  }
  const own = policy.refuse("possession.used", "jti 7");
  assert.deepEqual([policy.response(own).status, own.context.reason.admin], [401, "jti 7"]);
  const obeyed = await policy.obey(own, { nonce: "n-2" });
  assert.deepEqual([obeyed.permitted, obeyed.response.headers.get("dpop-nonce")], [false, "n-2"]);
  assert.equal((await policy.obey({ decision: true })).permitted, false, "what is no answer permits nothing");
});

test("a holder's proof is taken once", { skip }, async () => {
  const policy = await policyOf();
  const keys = await createKeys();
  assert.equal(keys.privateKey.extractable, false);
  const facts = { ...mail, method: "POST", url: "https://mail.acme.example/send" };
  const parts = await call(email, facts, { cnf: { jwk: await publicJwk(keys) } });
  const proof = await prove(policy, parts, keys);
  assert.equal((await policy.enforce({ ...parts, proof })).permitted, true);
  const again = await policy.enforce({ ...parts, proof });
  assert.deepEqual([code(again), again.http.status], ["possession.used", 401]);
  const stranger = await createKeys();
  const stolen = await policy.enforce({ ...parts, proof: await prove(policy, parts, stranger) });
  assert.match(code(stolen), /^possession\./);
  await assert.rejects(prove(policy, parts, await createKeys("Ed25519")), { code: "signing.alg" });
  await assert.rejects(prove(policy, { ...parts, action: "none" }, keys), { code: "request.action" });
});

test("a token is narrowed for another, who proves it", { skip }, async () => {
  const policy = await policyOf();
  const [keys, next] = [await createKeys("Ed25519"), await createKeys()];
  const facts = { ...mail, method: "POST", url: "https://mail.acme.example/send" };
  const parts = await call(email, facts, { cnf: { jwk: await publicJwk(keys) } });
  const root = decoded(parts.token.split(".")[1]);
  const claims = {
    iat: NOW, exp: NOW + 60, aud: root.aud, cnf: { jwk: await publicJwk(next) },
    authorization_details: [root.authorization_details[0]],
  };
  const chain = await attenuate(policy, parts.token, claims, keys);
  const narrowed = { ...parts, token: chain };
  const verdict = await policy.enforce({ ...narrowed, proof: await prove(policy, narrowed, next) });
  assert.equal(verdict.permitted, true, verdict.answer.context.reason.admin);
  const other = await policy.enforce({ ...narrowed, proof: await prove(policy, narrowed, await createKeys()) });
  assert.match(code(other), /^possession\./);
});

test("a person's receipt permits what was held, once", { skip }, async () => {
  const policy = await policyOf();
  const parts = await call({ ...email, power: "execute" }, mail);
  const held = await policy.enforce(parts);
  assert.equal(held.permitted, false);
  const step = held.answer.context.remedy.steps?.find(({ step_up }) => step_up === "approval");
  assert.match(step?.display?.text ?? JSON.stringify(held.answer), /ann@customer\.example/);
  const key = { kid: "approve-1", privateKey: await seeded(5) };
  const claims = { iss: "https://approve.acme.example", sub: "user:8f1c2d", aud: mail.audience, iat: NOW, exp: NOW + 120, decision: "approved" };
  const receipt = await signCall(policy, parts, claims, key);
  const verdict = await policy.enforce({ ...parts, approvals: [receipt] });
  assert.equal(verdict.permitted, true, verdict.answer.context.reason.admin);
  assert.equal((await policy.enforce({ ...parts, approvals: [receipt] })).permitted, false);
  const other = { ...parts, args: parts.args.replace("ann", "bob") };
  assert.equal((await policy.enforce({ ...other, approvals: [await signCall(policy, parts, claims, key)] })).permitted, false);
  const described = await policy.describe({ claims: decoded(parts.token.split(".")[1]), now: NOW });
  const grant = await signGrant(policy, described, { ...claims, aud: "https://broker.acme.example" }, key);
  const said = decoded(grant.split(".")[1]);
  assert.deepEqual([said.kind, said.binding_s256, said.display.text_s256], ["grant", described.binding_s256, described.text_s256]);
});

test("each decision is written down before it is obeyed, and what became of it", { skip }, async () => {
  const events = [];
  const policy = await policyOf({ log: (event) => events.push(event) });
  const parts = await call(email, mail);
  assert.equal((await policy.enforce(parts)).permitted, true);
  assert.equal((await policy.enforce({ ...parts, action: "none" })).permitted, false);
  assert.deepEqual(events.map(({ event, permitted }) => [event, permitted]), [["decided", undefined], ["ended", true], ["decided", undefined], ...events.slice(3).map(() => ["ended", false])]);
  assert.equal(events[0].id, events[1].id);
  assert.notEqual(events[0].id, events[2].id);
  assert.equal(JSON.stringify(events).includes(parts.token), false);
  for (const fails of ["decided", "ended"]) {
    const log = ({ event }) => {
      if (event === fails) throw new Error("the disk is full");
    };
    const verdict = await (await policyOf({ log })).enforce(parts);
    assert.deepEqual([verdict.permitted, verdict.http.status >= 500], [false, true], fails);
    assert.equal(verdict.cause.message, "the disk is full");
  }
});

test("obligations are done by functions of the service, or deny", { skip }, async () => {
  const parts = await call({ ...email, power: "propose" }, mail);
  assert.equal(code(await (await policyOf()).enforce(parts)), "obligation.unknown");
  const seen = [];
  const approve = async ({ type, ext, now }) => void seen.push([type, ext.display.text.includes("ann@customer.example"), now]);
  const verdict = await (await policyOf({ discharge: { approve } })).enforce(parts);
  assert.deepEqual([verdict.permitted, verdict.discharged.includes("approve"), seen], [true, true, [["approve", true, NOW]]]);
  for (const [approve, reason] of [
    [() => { throw new NotDischarged("nobody is there", "approval.missing"); }, /^approval\.missing$|^obligation\.failed$/],
    [() => { throw new Error(`secret ${parts.token}`); }, /^obligation\.failed$/],
    [() => Promise.reject(undefined), /^obligation\.failed$/],
    [() => false, /^obligation\.failed$/],
  ]) {
    const refused = await (await policyOf({ discharge: { approve } })).enforce(parts);
    assert.equal(refused.permitted, false);
    assert.match(code(refused), reason);
    assert.equal(JSON.stringify(refused.answer).includes(parts.token), false);
  }
  for (const discharge of [{ consume: () => undefined }, { approve: "yes" }]) {
    await assert.rejects(policyOf({ discharge }), { code: "module.options" });
  }
  const inherited = await (await policyOf({ discharge: Object.create({ approve }) })).enforce(parts);
  assert.equal(code(inherited), "obligation.unknown");
});

test("a store that fails denies", { skip }, async () => {
  const inner = memory();
  let broken = false;
  const store = { transact: (...input) => (broken ? Promise.reject(new Error("no disk")) : inner.transact(...input)) };
  const policy = await policyOf({ store });
  broken = true;
  const verdict = await policy.enforce(await call(refund, crm));
  assert.deepEqual([verdict.permitted, verdict.http.status, verdict.cause.message], [false, 503, "no disk"]);
  broken = false;
  assert.equal((await policy.enforce(await call(refund, crm))).permitted, true);
  await assert.rejects(policyOf({ store: { transact: () => Promise.reject(new Error("no disk")) } }), /no disk/);
});

test("a fault of the rules denies one call", { skip }, async () => {
  const policy = await policyOf();
  const parts = await call(refund, crm);
  const spoil = () => new Uint8Array(memories.at(-1).buffer).fill(0xff);
  const log = () => spoil();
  const spoiled = await policyOf({ log });
  assert.equal((await spoiled.enforce(parts)).permitted, false);
  const verdict = await policy.enforce(parts);
  assert.equal(verdict.permitted, true, verdict.answer.context.reason.admin);
});

test("memory is flat over many calls", { skip }, async () => {
  const policy = await policyOf();
  const text = await read("request.json");
  const turns = async (count) => {
    for (let turn = 0; turn < count; turn += 1) {
      policy.evaluateText(text);
      if (turn % 10 === 0) await policy.enforce(text);
    }
    return memories.at(-1).buffer.byteLength;
  };
  const before = await turns(2000);
  assert.equal(await turns(10_000), before);
});

test("a policy is updated, and never goes back", { skip }, async () => {
  const store = memory();
  const policy = await policyOf({ store });
  const { version } = policy.statement;
  assert.deepEqual((await policy.update(await files())).statement.version, version, "the same is no step back");
  const newer = await files(join(fixture, "newer"));
  assert.equal((await policy.update(newer)).statement.version, version + 1);
  assert.equal(policy.statement.version, version + 1);
  assert.equal((await policy.ask(await read("request.json"))).context.record.policy.version, version + 1);
  await assert.rejects(policy.update(await files()), { code: "module.rollback" });
  assert.equal(policy.statement.version, version + 1, "what was refused changes nothing");
  await assert.rejects(policyOf({ store }), { code: "module.rollback" });
  await assert.rejects(policy.update(new Uint8Array(8)), ({ code }) => code.startsWith("module."));
  assert.equal((await policy.ask(await read("request.json"))).decision, true);
  // Two at once, of which the store is slower to say that the older one is kept.
  const inner = memory();
  let turn = 0;
  const slow = {
    async transact(...input) {
      const late = (turn += 1) === 2;
      await inner.transact(...input);
      if (late) await new Promise((done) => setTimeout(done, 100));
    },
  };
  const other = await policyOf({ store: slow });
  await Promise.all([other.update(await files()), other.update(newer)]);
  assert.equal(other.statement.version, version + 1);
});

const epochs = (version, entries = [], more = {}) =>
  jws(0x0c, { alg: "Ed25519", typ: "revocation-epochs+jwt", kid: "revoke-1" }, { iss: "https://revoke.acme.example", iat: NOW, exp: NOW + 600, version, entries, ...more });

test("revocation epochs go with requests, and never back", { skip }, async () => {
  const store = memory();
  const policy = await policyOf({ store });
  const parts = await call(email, mail);
  assert.deepEqual(await policy.update({ epochs: await epochs(1) }), { before: NOW + 600 });
  const verdict = await policy.enforce(parts);
  assert.equal(verdict.permitted, true, verdict.answer.context.reason.admin);
  assert.equal(verdict.answer.context.record.epochs[0].version, 1);
  const { sub } = decoded(parts.token.split(".")[1]);
  await policy.update({ epochs: await epochs(2, [{ selector: { sub }, before: NOW }]) });
  assert.match(code(await policy.enforce(parts)), /^revocation\./);
  assert.match(code(await policy.enforce({ ...(await request()), token: parts.token })), /^revocation\./, "objects have them, too");
  const whole = JSON.stringify({ ...(await request()), token: parts.token });
  for (const written of [whole, `${whole} \n`, new TextEncoder().encode(whole)]) {
    assert.match(code(await policy.enforce(written)), /^revocation\.(?!unknown)/, "and texts");
  }
  assert.equal(code(await policy.enforce("{not json")), "request.syntax");
  assert.equal(code(await policy.enforce(new Uint8Array([0xff]))), "request.syntax");
  await assert.rejects(policy.update({ epochs: await epochs(1) }), { code: "revocation.rollback" });
  const again = await policyOf({ store });
  await assert.rejects(again.update({ epochs: await epochs(1) }), { code: "revocation.rollback" });
  // An allow by less than what was heard before is none.
  assert.equal((await again.enforce(parts)).permitted, false);
  for (const wrong of [undefined, "a.b.c", `${await epochs(3)}x`]) {
    await assert.rejects(policy.update({ epochs: wrong }), ({ code }) => /^(revocation|request)\./.test(code));
  }
});

test("what is fetched again is what is due, and what fails changes nothing", { skip }, async () => {
  let [now, list, status] = [NOW, await epochs(1), 200];
  const asked = [];
  const given = globalThis.fetch;
  globalThis.fetch = async (url, { redirect }) => {
    asked.push(`${url}`);
    if (redirect !== "manual") throw new Error("it would follow");
    return new Response(list, { status });
  };
  try {
    const policy = await policyOf({ clock: () => now });
    const options = { epochs: ["https://revoke.acme.example/epochs"] };
    const turn = async (at) => {
      [now, asked.length] = [at, 0];
      return [(await policy.refresh(options)).map(({ code }) => code), asked.length];
    };
    assert.deepEqual(await turn(NOW), [[], 1]);
    assert.deepEqual(await turn(NOW + 59), [[], 0]);
    status = 500;
    assert.deepEqual(await turn(NOW + 60), [["module.read"], 1]);
    assert.deepEqual(await turn(NOW + 62), [[], 0], "a server that fails is left alone for some seconds");
    [status, list] = [200, await epochs(2)];
    assert.deepEqual(await turn(NOW + 66), [[], 1]);
    list = await epochs(1);
    assert.deepEqual(await turn(NOW + 200), [["revocation.rollback"], 1]);
    list = "a".repeat(300_000);
    assert.deepEqual(await turn(NOW + 300), [["module.read"], 1], "too long");
    list = await epochs(3, [], { iat: NOW + 390, exp: NOW + 420 });
    assert.deepEqual(await turn(NOW + 400), [[], 1]);
    assert.deepEqual(await turn(NOW + 410), [[], 1], "at half its life");
    for (const wrong of [{ epochs: "https://" }, { epochs: [undefined] }, { epochs: [Symbol("x")] }, { every: NaN }]) {
      assert.deepEqual((await policy.refresh(wrong)).map(({ code }) => code), ["module.options"]);
    }
    await assert.doesNotReject(policy.refresh());
  } finally {
    globalThis.fetch = given;
  }
});

test("a policy that is fetched again is waited for a short time only", { skip }, async () => {
  let hangs = false;
  const server = createServer(async ({ url }, told) => {
    if (!hangs) told.end(await readFile(join(fixture, url)));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    const place = `http://127.0.0.1:${server.address().port}/policy.bundle`;
    const policy = await load(place, await read("keys.json"), { uid: "acme/agents", store: memory(), clock: () => NOW, ...given });
    assert.deepEqual(await policy.refresh({ every: 0 }), []);
    hangs = true;
    const began = performance.now();
    const [failed] = await policy.refresh({ every: 0 });
    assert.equal(failed.code, "module.read");
    assert.ok(performance.now() - began < 15_000);
    assert.equal((await policy.enforce(await call(email, mail))).permitted, true);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("a fetch that never ends holds nobody for ever", { skip }, async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sources = [{ prefixes: ["https://status.example/lists/"], keys: [{ kid: "status-1", jwk: publicOf(0x10) }] }];
  let [asked, now, begun] = [0, NOW];
  const started = new Promise((done) => (begun = done));
  const get = () => {
    asked += 1;
    if (asked > 1) return list(NOW - 10, 0);
    begun();
    return new Promise(() => undefined);
  };
  const policy = await policyOf({ clock: () => now, status: { sources, fetch: get } });
  const parts = await call(email, mail, { status: { status_list: { idx: 0, uri: URI } } });
  const first = policy.enforce(parts);
  await started;
  await new Promise(setImmediate);
  context.mock.timers.tick(10_000);
  assert.match(code(await first), /^(obligation\.failed|status\.)/);
  now += 11; // the core puts the next try off
  const next = await policy.enforce(parts);
  assert.equal(next.permitted, true, next.cause?.message);
});

const URI = "https://status.example/lists/1";
const list = (iat, value, byte = 0x10) =>
  jws(byte, { alg: "Ed25519", typ: "statuslist+jwt", kid: "status-1" }, {
    sub: URI, iat, exp: iat + 1000, ttl: 60, status_list: { bits: 1, lst: base64url(deflateSync(Buffer.from([value]))) },
  });

test("a token that names a status list is looked up, and never in an older list", { skip }, async () => {
  const store = memory();
  const sources = [{ prefixes: ["https://status.example/lists/"], keys: [{ kid: "status-1", jwk: publicOf(0x10) }] }];
  let [text, now, asked] = [await list(NOW - 10, 0), NOW, 0];
  const get = async () => {
    asked += 1;
    if (text instanceof Error) throw text;
    return text;
  };
  const served = () => policyOf({ store, clock: () => now, status: { sources, fetch: get } });
  const policy = await served();
  const parts = await call(email, mail, { status: { status_list: { idx: 0, uri: URI } } });
  assert.equal(code(await (await policyOf()).enforce(parts)), "obligation.unknown");
  const at = async (policy) => {
    const verdict = await policy.enforce(parts);
    return verdict.permitted || code(verdict);
  };
  assert.deepEqual(await Promise.all([at(policy), at(policy), at(policy)]), [true, true, true]);
  assert.equal(asked, 1, "who asks at the same time shares the fetch");
  assert.equal(await at(policy), true);
  assert.equal(asked, 1, "it is kept");
  [text, now] = [await list(NOW + 500, 1), NOW + 600];
  assert.equal(await at(policy), "status.revoked");
  // After a restart no older one counts.
  [text, now] = [await list(NOW + 400, 0), NOW + 700];
  assert.equal(await at(await served()), "status.revoked");
  for (const wrong of [new Error("no route"), "no list", "half \ud800 a letter", "a".repeat(13 << 20), await list(NOW, 0, 0x11)]) {
    [text, now] = [wrong, NOW];
    const other = await policyOf({ status: { sources, fetch: get } });
    assert.match(await at(other), /^(obligation\.failed|status\.)/, `${wrong}`.slice(0, 20));
  }
  await assert.rejects(policyOf({ status: {} }), { code: "module.options" });
});

test("what is shown over HTTP is read as it came, or fits nothing", () => {
  const read = (headers, ...origin) => shown(new Request("https://inner.example/c-7?x=1#y", { method: "POST", headers }), ...origin);
  const facts = { method: "POST", url: "https://inner.example/c-7" };
  assert.deepEqual(read({}), { facts });
  for (const scheme of ["DPoP", "bearer", "BEARER "]) assert.deepEqual(read({ authorization: `${scheme} t.t.t` }), { token: "t.t.t", facts });
  assert.deepEqual(read({ authorization: "Basic t" }), { facts });
  assert.deepEqual(read({ dpop: "p", "ambit-approval": "a, b,,c" }), { proof: "p", approvals: ["a", "b", "c"], facts });
  assert.equal(read({}, "https://outer.example").facts.url, "https://outer.example/c-7");
  const twice = new Headers([["dpop", "p"], ["dpop", "q"], ["authorization", "DPoP t"], ["authorization", "DPoP u"]]);
  assert.deepEqual(read(twice), { token: "t, DPoP u", proof: "p, q", facts });
});
