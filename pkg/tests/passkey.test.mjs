// A person's authenticator signs the receipt of one call: WebAuthn in Chromium, with an authenticator of its own.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { World } from "../examples/extension/tests/world.mjs";
import { Browser, here, npm, skip as noBrowser } from "./browser.mjs";

const ambit = process.env.AMBIT_COMMAND;
const skip = noBrowser || (ambit ? false : "no AMBIT_COMMAND");
const ORIGIN = "https://mail.acme.example";
const RP = "acme.example";
const TYPES = { js: "text/javascript", wasm: "application/wasm", html: "text/html" };

let folder, world, browser, page, authenticator;

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), "ambit-passkey-"));
  world = await World.make(ambit, join(here, "../examples/extension"), folder);
  browser = await Browser.start({});
  page = await (await browser.browser.newContext()).newPage();
  await page.route(`${ORIGIN}/**`, async (route) => {
    const name = new URL(route.request().url()).pathname.slice(1) || "page.html";
    const body = name === "page.html" ? "<!doctype html><title>Approve</title>" : await readFile(join(npm, name));
    await route.fulfill({ body, contentType: TYPES[name.split(".").at(-1)] });
  });
  const { send } = await authenticators(page);
  authenticator = send;
  await page.goto(`${ORIGIN}/`);
  await page.evaluate(prepare, {
    file: await readFile(join(folder, "policy.bundle"), "base64"),
    signature: await readFile(join(folder, "policy.wasm.dsse.json"), "utf8"),
    keys: await readFile(join(folder, "keys.json"), "utf8"),
    epochs: world.epochs,
  });
});

after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** An authenticator in the device, which knows its person; `send` says to it that it does not. */
async function authenticators(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const options = {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options });
  return { send: (name, more) => cdp.send(`WebAuthn.${name}`, { authenticatorId, ...more }) };
}

/** In the page: the policy, the agent's key, and what the tests ask of both. */
async function prepare({ file, signature, keys, epochs }) {
  const { load, memory } = await import("/index.js");
  const { prove } = await import("/holder.js");
  const approver = await import("/approver.js");
  const bytes = Uint8Array.from(atob(file), (one) => one.charCodeAt(0));
  const policy = await load({ file: bytes, signature }, keys, { uid: "acme/mail", store: memory() });
  await policy.update({ epochs });
  const holder = await approver.createKeys();
  const call = { subject: "Offer", body: "our numbers", to: ["eve@evil.example"], cc: [], bcc: [], id: "1", attachments: [] };
  const audience = location.origin;
  const parts = (token, change) => ({
    action: "email", power: "execute", purpose: "correspondence", resource: { type: "mailbox", id: "ann" }, token,
    args: JSON.stringify({ ...call, ...change }),
    facts: { audience, location: audience, method: "POST", url: `${audience}/api/send` },
  });
  const told = ({ permitted, answer }) => (permitted ? "permitted" : answer.context.reason.code);
  globalThis.trying = {
    holder: () => approver.publicJwk(holder),
    create: () => approver.createCredential({ rpId: "acme.example", user: { name: "ann", displayName: "Ann" } }),
    /** The receipt for the call, or why there is none. */
    sign: async ({ token, enrolments: [enrolment] }, key) => {
      const iat = Math.floor(Date.now() / 1000);
      const claims = { aud: audience, iat, exp: iat + 300, decision: "approved" };
      try {
        return { receipt: await approver.signCall(policy, parts(token), claims, { enrolment, ...key }) };
      } catch (error) {
        return { code: error.code || error.name };
      }
    },
    enforce: async ({ token, enrolments }, approvals, change) => {
      const whole = { ...parts(token, change), ...(approvals && { approvals, enrolments }) };
      return told(await policy.enforce({ ...whole, proof: await prove(policy, whole, holder) }));
    },
  };
}

const trying = (name, ...given) => page.evaluate(([name, given]) => trying[name](...given), [name, given]);
const passkey = { webauthn: { rp_id: RP, origins: [ORIGIN] } };
/** What the person is given: a grant for the agent, and the enrolment of a new passkey. */
async function papers(more = passkey) {
  const { credential, jwk } = await trying("create");
  return { credential, given: await world.papers({ holder: await trying("holder"), approver: jwk }, {}, more) };
}

test("a passkey approves exactly one call, once", { skip }, async () => {
  const { credential, given } = await papers();
  assert.notEqual(await trying("enforce", given), "permitted");
  const { receipt, code } = await trying("sign", given, { credential });
  assert.equal(code, undefined);
  const [header, , signature] = receipt.split(".").map((part) => Buffer.from(part, "base64url").toString());
  assert.equal(JSON.parse(header).alg, "WebAuthn-ES256");
  assert.deepEqual(Object.keys(JSON.parse(signature)), ["authenticatorData", "clientDataJSON", "signature"]);
  assert.match(await trying("enforce", given, [receipt], { body: "other numbers" }), /^approval\.binding/);
  assert.equal(await trying("enforce", given, [receipt]), "permitted");
  assert.notEqual(await trying("enforce", given, [receipt]), "permitted");
});

test("an assertion counts only for the page and the key that were enrolled", { skip }, async () => {
  const elsewhere = await papers({ webauthn: { rp_id: RP, origins: ["https://other.acme.example"] } });
  const { receipt } = await trying("sign", elsewhere.given, { credential: elsewhere.credential });
  assert.equal(await trying("enforce", elsewhere.given, [receipt]), "approval.signature");
  const [mine, yours] = [await papers(), await papers()];
  const crossed = await trying("sign", mine.given, { credential: yours.credential });
  assert.equal(await trying("enforce", mine.given, [crossed.receipt]), "approval.signature");
});

test("who is not verified, has no such credential or no authenticator signs nothing", { skip }, async () => {
  const { credential, given } = await papers();
  const unknown = { credential: { ...credential, id: "AAAA" } };
  assert.deepEqual(await trying("sign", given, unknown), { code: "NotAllowedError" });
  await authenticator("setUserVerified", { isUserVerified: false });
  assert.deepEqual(await trying("sign", given, { credential }), { code: "NotAllowedError" });
  await authenticator("setUserVerified", { isUserVerified: true });
  // A plain key where a passkey is enrolled, and a passkey where a plain key is.
  assert.deepEqual(await trying("sign", given, {}), { code: "signing.alg" });
  const plain = await papers({});
  assert.deepEqual(await trying("sign", plain.given, { credential: plain.credential }), { code: "signing.alg" });
  const { createCredential } = await import(join(npm, "approver.js"));
  await assert.rejects(createCredential({ rpId: RP, user: { name: "ann", displayName: "Ann" } }), { code: "signing.credential" });
});
