// The README's worker in workerd: several isolates that share a Durable Object, while policy, epochs and clock change.

import assert from "node:assert/strict";
import { copyFile, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { deflateSync } from "node:zlib";

import { fixture } from "./browser.mjs";
import { base64url, decoded, jws, publicOf, seeded, token } from "./mint.mjs";
import { NOW, Project, skip, snippets } from "./packed.mjs";
import { workers } from "./workerd.mjs";

const MAIL = "https://mail.acme.example";
const CRM = "https://crm.acme.example";
const STATUS = "https://status.example/lists/1";
const email = (to) => JSON.stringify({ to, content_type: "text/plain", region: "eu" });
const refund = JSON.stringify({ amount: 150, currency: "EUR" });

let project;
before(async () => {
  if (skip) return;
  project = await Project.make();
  await copyFile(join(fixture, "keys.json"), project.place("keys.json"));
});
after(() => project?.remove());

/** The README's worker with other words in some places, each of which must be there; and with a clock that a request sets. */
async function source(changes = {}) {
  let { worker } = await snippets();
  const changed = { "async fetch(request, env) {": "async fetch(request, env) {\n    globalThis.testNow = Number(request.headers.get('x-now'));", ...changes };
  for (const [from, to] of Object.entries(changed)) {
    assert.ok(worker.includes(from), from);
    worker = worker.replace(from, () => to);
  }
  return worker;
}
const EXECUTE = { 'power: "draft"': 'power: "execute"' };
const REFUND = { 'action: "email", power: "draft"': 'action: "refund", power: "execute"', '"customer-contact"': '"contract"', [MAIL]: CRM };
const LISTED = {
  "log:": `status: {
    sources: [{ prefixes: ["https://status.example/lists/"], keys: [{ kid: "status-1", jwk: ${JSON.stringify(publicOf(0x10))} }] }],
    fetch: async () => (await fetch(new URL("/status", env.UPSTREAM))).text(),
  }, log:`,
};

const epochs = (version, entries = [], iat = NOW) =>
  jws(0x0c, { alg: "Ed25519", typ: "revocation-epochs+jwt", kid: "revoke-1" }, { iss: "https://revoke.acme.example", iat, exp: iat + 600, version, entries });
const list = (bit) =>
  jws(0x10, { alg: "Ed25519", typ: "statuslist+jwt", kid: "status-1" }, {
    sub: STATUS, iat: NOW, exp: NOW + 1000, ttl: 60, status_list: { bits: 1, lst: base64url(deflateSync(Buffer.from([bit]))) },
  });

/** What the workers ask: `served` is what is there at the moment; what came to the service is in `drafts`. */
async function services(body) {
  const asked = { drafts: 0 };
  const served = { folder: fixture };
  const server = createServer(async ({ url, method }, told) => {
    const name = url.slice(1);
    if (method === "POST") {
      asked.drafts += 1;
      return void told.writeHead(202).end();
    }
    asked[name] = (asked[name] ?? 0) + 1;
    const file = async () => served.folder && readFile(join(served.folder, name)).catch(() => undefined);
    const found = Object.hasOwn(served, name) ? served[name] : await file();
    if (found?.location) return void told.writeHead(302, found).end();
    told.writeHead(found ? 200 : 404).end(found || "");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    await body(`http://127.0.0.1:${server.address().port}`, served, asked);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** The workers with these changes, and `said(name, { … })`: status and code of what one answers. */
async function world(folder, all, body) {
  const request = JSON.parse(await readFile(join(fixture, "request.json"), "utf8"));
  await services(async (origin, served, asked) => {
    served.epochs = await epochs(1);
    const made = {};
    for (const [name, { UPSTREAM = `${origin}/drafts`, ...changes }] of Object.entries(all)) {
      made[name] = { source: await source(changes), variables: { POLICY: `${origin}/policy.bundle`, EPOCHS: `${origin}/epochs`, UPSTREAM } };
    }
    await workers(project, folder, made, async (ask, origins, written) => {
      const minted = (aud = MAIL, claims = {}) => token(request, { aud: [aud], ...claims });
      const said = async (name, { now = NOW, path = "/c-7", args = email("ann@customer.example"), shown, ...headers }) => {
        const authorization = `DPoP ${shown ?? (await minted())}`;
        const answer = await ask(name, path, { method: "POST", body: args, headers: { authorization, "x-now": `${now}`, ...headers } });
        const text = await answer.text();
        return [answer.status, text.startsWith("{") ? JSON.parse(text).code : undefined];
      };
      /** The policy's version by which one decides, as it writes down. */
      const versions = () => [...written().matchAll(/"event":"decided".*?"policy":\{[^}]*"version":(\d+)/g)].map(([, version]) => Number(version));
      await body({ said, minted, served, asked, origins, versions, written });
    });
  });
}

const ALLOWED = [202, undefined];

/** What agents and people have: the packed package in Node. */
async function client() {
  const [main, holder, approver] = await Promise.all(
    ["node.js", "holder.js", "approver.js"].map((name) => import(pathToFileURL(project.place("node_modules/@ambit/evaluator", name)))),
  );
  const keys = await readFile(join(fixture, "keys.json"), "utf8");
  const policy = await main.load(join(fixture, "policy.bundle"), keys, { uid: "acme/agents", store: main.memory(), clock: () => NOW });
  return { policy, ...holder, ...approver };
}

test("a proof that one isolate took is taken by no other", { skip }, async () => {
  // Behind one name, as isolates are.
  const named = { "shown(request)": "shown(request, audience)" };
  await world("replay", { main: named, other: named }, async ({ said, minted, asked }) => {
    const { policy, createKeys, prove, publicJwk } = await client();
    const keys = await createKeys();
    const shown = await minted(MAIL, { cnf: { jwk: await publicJwk(keys) } });
    const fresh = () => prove(policy, {
      action: "email", power: "draft", args: email("ann@customer.example"), purpose: "contract-renewal", token: shown,
      resource: { type: "customer-contact", id: "c-7" }, facts: { audience: MAIL, location: MAIL, method: "POST", url: `${MAIL}/c-7` },
    }, keys);
    const dpop = await fresh();
    const both = await Promise.all([said("main", { shown, dpop }), said("other", { shown, dpop })]);
    assert.deepEqual(both.map(([status]) => status).sort(), [202, 401]);
    for (const name of ["main", "other"]) assert.deepEqual(await said(name, { shown, dpop }), [401, "possession.used"]);
    assert.deepEqual(await said("other", { shown, dpop: await fresh() }), ALLOWED);
    assert.equal(asked.drafts, 2);
  });
});

test("a worker holds a call for a person, and does it once with their receipt", { skip }, async () => {
  await world("held", { main: EXECUTE }, async ({ said, minted, asked }) => {
    const shown = await minted();
    const [status, code] = await said("main", { shown });
    assert.deepEqual([status, code], [403, "capability.power"]);
    const { policy, signCall } = await client();
    const parts = {
      action: "email", power: "execute", args: email("ann@customer.example"), purpose: "contract-renewal",
      resource: { type: "customer-contact", id: "c-7" }, token: shown, facts: { audience: MAIL, location: MAIL },
    };
    const key = { kid: "approve-1", privateKey: await seeded(5) };
    const claims = { iss: "https://approve.acme.example", sub: "user:8f1c2d", aud: MAIL, iat: NOW, exp: NOW + 120, decision: "approved" };
    const receipt = { "ambit-approval": await signCall(policy, parts, claims, key) };
    assert.notEqual((await said("main", { shown, args: email("bob@customer.example"), ...receipt }))[0], 202, "a yes is for one call");
    const both = await Promise.all([said("main", { shown, ...receipt }), said("main", { shown, ...receipt })]);
    assert.equal(both.filter(([status]) => status === 202).length, 1, JSON.stringify(both));
    assert.equal(asked.drafts, 1);
  });
});

test("two isolates share what may happen three times", { skip }, async () => {
  await world("last", { main: REFUND, other: REFUND }, async ({ said, minted, asked }) => {
    const shown = await minted(CRM);
    const once = (name) => said(name, { shown, path: "/account/1042", args: refund });
    assert.deepEqual([await once("main"), await once("other")], [ALLOWED, ALLOWED]);
    const both = await Promise.all([once("main"), once("other")]);
    assert.deepEqual(both.map(([status]) => status === 202).sort(), [false, true], "one use was left");
    assert.match(both.find(([status]) => status !== 202)[1], /^limit\./);
    assert.equal(asked.drafts, 3);
  });
});

test("epochs are fetched once a minute, and what they revoke is refused", { skip }, async () => {
  await world("epochs", { main: {}, cold: {} }, async ({ said, minted, served, asked }) => {
    const shown = await minted();
    const { sub } = decoded(shown.split(".")[1]);
    assert.deepEqual([await said("main", { shown }), await said("main", { shown })], [ALLOWED, ALLOWED]);
    assert.equal(asked.epochs, 1, "the list is kept");
    const older = served.epochs;
    served.epochs = await epochs(2, [{ selector: { sub }, before: NOW }]);
    assert.deepEqual(await said("main", { shown, now: NOW + 30 }), ALLOWED);
    assert.deepEqual(await said("main", { shown, now: NOW + 61 }), [401, "revocation.revoked"]);
    // Neither an older list, nor none, nor one that lies elsewhere lifts it: here, or in an isolate that starts now.
    for (const [at, wrong] of [older, undefined, { location: "/older" }].entries()) {
      [served.epochs, served.older] = [wrong, older];
      assert.deepEqual(await said("main", { shown, now: NOW + 130 + at * 10 }), [401, "revocation.revoked"]);
      assert.notEqual((await said("cold", { shown, now: NOW + 130 + at * 10 }))[0], 202);
    }
    assert.equal(asked.older, undefined, "nobody follows a redirect");
    assert.equal(asked.drafts, 3);
  });
});

test("a status list is kept, and what it revokes is refused", { skip }, async () => {
  await world("status", { main: LISTED }, async ({ said, minted, served, asked }) => {
    served.status = await list(0);
    const shown = await minted(MAIL, { status: { status_list: { idx: 0, uri: STATUS } } });
    // Also of many who come while the isolate starts, each with a policy whose epochs have come.
    const many = Array.from({ length: 12 }, () => ALLOWED);
    assert.deepEqual(await Promise.all(many.map(() => said("main", { shown }))), many);
    const before = asked.status;
    assert.deepEqual(await said("main", { shown }), ALLOWED);
    assert.equal(asked.status, before, "the list is kept");
    served.status = await list(1);
    assert.equal((await said("main", { shown, now: NOW + 61 }))[1], "status.revoked");
    assert.equal(asked.drafts, 13);
  });
});

test("a rollout: isolates that start take the newer policy, those that run follow, and nobody goes back", { skip }, async () => {
  await world("rollout", { main: {}, cold: {}, late: {} }, async ({ said, served, asked, versions }) => {
    assert.deepEqual(await said("main", {}), ALLOWED);
    served.folder = join(fixture, "newer");
    assert.deepEqual(await said("cold", { now: NOW + 10 }), ALLOWED);
    assert.deepEqual(await said("main", { now: NOW + 10 }), ALLOWED);
    const [first] = versions();
    assert.deepEqual(versions(), [first, first + 1, first], "a minute has not gone by");
    assert.deepEqual(await said("main", { now: NOW + 61 }), ALLOWED);
    assert.equal(versions().at(-1), first + 1);
    served.folder = fixture;
    for (const name of ["main", "cold"]) {
      assert.deepEqual(await said(name, { now: NOW + 200 }), ALLOWED);
      assert.equal(versions().at(-1), first + 1, `${name} keeps what it has`);
    }
    const drafts = asked.drafts;
    assert.equal((await said("late", { now: NOW + 200 }))[0], 500, "who starts with the older one does not start");
    assert.equal(asked.drafts, drafts);
    served.folder = join(fixture, "newer");
    assert.deepEqual(await said("late", { now: NOW + 210 }), ALLOWED);
  });
});

test("without the server of policies a worker goes on until its policy ends; without its service it fails", { skip }, async () => {
  const envelope = JSON.parse(await readFile(join(fixture, "policy.wasm.dsse.json"), "utf8"));
  const { expires } = JSON.parse(atob(envelope.payload)).predicate;
  const down = { UPSTREAM: "http://127.0.0.1:9/drafts" };
  await world("down", { main: {}, down }, async ({ said, minted, served, asked, written }) => {
    assert.deepEqual(await said("main", {}), ALLOWED);
    assert.equal((await said("down", {}))[0], 502);
    served.folder = undefined;
    assert.deepEqual(await said("main", { now: NOW + 61 }), ALLOWED);
    assert.match(written(), /policy\.bundle.*status 404/, "it is said");
    const late = expires + 1;
    served.epochs = await epochs(2, [], late);
    const shown = await minted(MAIL, { iat: late, exp: late + 60 });
    assert.deepEqual(await said("main", { now: late, shown }), [503, undefined]);
    assert.match(written(), /"code":"policy\.expired"/);
    assert.equal(asked.drafts, 2);
  });
});

test("a clock that is wrong by seconds does no harm, and by an hour permits nothing", { skip }, async () => {
  await world("skew", { main: {}, cold: {} }, async ({ said, minted, asked }) => {
    const shown = await minted(MAIL, { iat: NOW, nbf: NOW, exp: NOW + 300 });
    assert.deepEqual(await said("main", { shown, now: NOW - 20 }), ALLOWED);
    for (const now of [NOW - 3600, NOW + 3600]) assert.notEqual((await said("main", { shown, now }))[0], 202, `${now - NOW}`);
    // Whoever was an hour ahead looks again as soon as the clock is right.
    const before = asked.epochs;
    assert.deepEqual(await said("main", { shown }), ALLOWED);
    assert.equal(asked.epochs, before + 1);
    assert.equal(asked.drafts, 2);
  });
});
