// What the extension of `examples/extension` does not promise: other extensions in the same browser. Each thing that one
// may try is shown to work without it first; then what gets through is just what its README says, and the check at the
// service refuses that.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { layOut, open } from "../examples/extension/tests/browser.mjs";
import { Mail } from "../examples/extension/tests/mail.mjs";
import { Person } from "../examples/extension/tests/person.mjs";
import { serviceCheck } from "../examples/extension/tests/service.mjs";
import { World } from "../examples/extension/tests/world.mjs";
import { here, npm, skip as noBrowser, tools } from "./browser.mjs";

const ambit = process.env.AMBIT_COMMAND;
const skip = noBrowser || (ambit ? false : "no AMBIT_COMMAND");
const example = join(here, "../examples/extension");
const OTHERS = ["host", "debugger", "manager"].map((name) => join(example, "tests/others", name));
const MAIL = "http://mail.acme.example/";
const SEND = `${MAIL}api/send`;
const EVE = { to: "eve@evil.example", subject: "Offer", body: "Dear Eve,\n\nour numbers." };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** What gets through past the extension, and what the check at the service says of it. */
const THROUGH = {
  "a request from its own worker": 401,
  "a request from its own page": 401,
  "a download": 401,
  "a request that it rewrites": 401,
  // These have no body.
  "a resource that it loads": 400,
  "a navigation that it rewrites": 400,
};

let folder, world, mail, context, person;

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), "ambit-others-"));
  world = await World.make(ambit, example, join(folder, "policy"));
  mail = await Mail.start(world);
});

after(async () => {
  await context?.close();
  mail?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const subjects = () => mail.sent.map(({ subject }) => subject);
const message = (subject) => ({ id: "1", to: [EVE.to], cc: [], bcc: [], subject, body: EVE.body, attachments: [] });

/** The worker of one of the others. */
async function other(context, folder) {
  for (let waited = 0; waited < 20_000; waited += 50) {
    for (const worker of context.serviceWorkers()) {
      const name = await worker.evaluate(() => chrome.runtime.getManifest().name).catch(() => "");
      if (name === NAMES[folder]) return worker;
    }
    await pause(50);
  }
  throw new Error(`\`${folder}\` did not start`);
}

const NAMES = { host: "Another with the mail service's host", debugger: "Another with the debugger", manager: "Another that manages extensions" };

/** Runs what both others may try, or those of it that are named; `most` is how long what they send may take. */
async function runAll(context, most, only) {
  const page = await context.newPage();
  await page.goto(MAIL);
  const all = [];
  for (const folder of ["host", "debugger"]) {
    const worker = await other(context, folder);
    for (const name of await worker.evaluate(() => Object.keys(globalThis.ACTS))) {
      all.push(name);
      if (only && !only.includes(name)) continue;
      const asked = { mail: MAIL, url: `${SEND}?subject=${encodeURIComponent(name)}`, subject: name, body: JSON.stringify(message(name)) };
      const acting = worker.evaluate(([name, asked]) => globalThis.ACTS[name](asked).then(() => undefined, () => undefined), [name, asked]);
      await Promise.race([acting, pause(3000)]);
      for (let waited = 0; waited < most && !subjects().includes(name); waited += 25) await pause(25);
    }
  }
  return all;
}

test("whatever other extensions may try works where nothing refuses it", { skip, timeout: 120_000 }, async () => {
  const bare = await open(tools, join(folder, "bare"), mail.port, OTHERS);
  try {
    const all = await runAll(bare, 4000);
    assert.deepEqual(all.filter((name) => !subjects().includes(name)), []);
    assert.ok(all.length > 20);
    for (const { subject, headers } of mail.sent) assert.match(headers.cookie ?? "", /session=ann/, subject);
  } finally {
    await bare.close();
  }
});

test("with the extension, what gets through is what its README says, and the service's check refuses it", { skip, timeout: 120_000 }, async () => {
  const extension = await layOut(example, npm, world, join(folder, "extension"));
  context = await open(tools, join(folder, "profile"), mail.port, [extension, ...OTHERS]);
  person = await Person.with(context, world);
  const { enrolments } = await person.takeGrant();
  mail.sent = [];
  const names = await runAll(context, 150);
  await pause(1500);
  assert.deepEqual([...new Set(subjects())].sort(), names.filter((name) => name in THROUGH).sort());
  assert.deepEqual(Object.keys(THROUGH).sort(), names.filter((name) => name in THROUGH).sort());
  mail.check = await serviceCheck(example, npm, world, join(folder, "server"), { enrolments, origin: new URL(MAIL).origin });
  mail.sent = [];
  await runAll(context, 300, Object.keys(THROUGH));
  await pause(500);
  assert.deepEqual(subjects(), []);
  assert.deepEqual(Object.fromEntries(mail.refused.map(({ subject, status }) => [subject, status])), THROUGH);
});

test("no other extension answers in a person's place, or reads what is sent", { skip, timeout: 120_000 }, async () => {
  mail.check = undefined;
  mail.sent = [];
  const page = await person.openMail();
  const dialog = await person.held(page, EVE);
  const debuggers = await other(context, "debugger");
  const said = await debuggers.evaluate((id) => globalThis.reach(id), person.id);
  const apart = /^Cannot access a chrome-extension:\/\/ URL of different extension/;
  for (const [name, why] of Object.entries({
    "dialog.html": apart, "setup.html": apart, "background.js": apart, "the dialog, as a tab": apart,
    "a tab of its own that goes there": /Not allowed/, "a tab of its own that is led there": /^Detached|^Debugger is not attached|^Cannot access/,
    "a target behind a tab": /Not allowed/, "a message": /Receiving end does not exist/,
  })) assert.match(said[name] ?? "not tried", why, name);
  assert.equal(Object.values(said).includes("reached"), false, JSON.stringify(said));
  const host = await other(context, "host");
  const tabs = await host.evaluate(async () => {
    const all = await chrome.tabs.query({});
    return Promise.all(all.map(({ id: tabId }) => chrome.scripting.executeScript({ target: { tabId }, func: () => location.href }).then(([{ result }]) => result, ({ message }) => message)));
  });
  assert.ok(tabs.some((said) => said === MAIL) && tabs.some((said) => apart.test(said)), tabs.join("\n"));
  assert.equal(tabs.some((said) => said.startsWith(`chrome-extension://${person.id}`)), false);
  // In the place of the content script it offers, as the page may. It is no window of the extension.
  const [keys, offered] = await debuggers.evaluate(([name, mail, message]) => globalThis.offerAs(name, mail, message), ["Ambit for Acme Mail", MAIL, { ...message("offered"), id: undefined }]);
  assert.deepEqual([keys, offered.outcome], [null, "held"]);
  assert.deepEqual(subjects(), []);
  // What the extension sends, with token, proof and receipt, nobody else is shown.
  await host.evaluate(() => (globalThis.seen = []));
  await person.awake(dialog);
  assert.equal(await person.answer(page, dialog, "send"), "Sent.");
  assert.deepEqual(subjects(), [EVE.subject]);
  assert.deepEqual(await host.evaluate(() => globalThis.seen), []);
});

test("an extension that may switch others off switches this one off: then the service's check alone is left", { skip, timeout: 120_000 }, async () => {
  const enrolments = [];
  const check = await serviceCheck(example, npm, world, join(folder, "left"), { enrolments, origin: new URL(MAIL).origin });
  const manager = await other(context, "manager");
  const page = await context.newPage();
  await page.goto(MAIL);
  const send = () => page.evaluate(([url, body]) => fetch(url, { method: "POST", body }).then(({ status }) => status, () => 0), [SEND, JSON.stringify(message("x"))]);
  mail.sent = [];
  assert.equal(await send(), 0);
  await manager.evaluate((id) => chrome.management.setEnabled(id, false), person.id);
  assert.equal(await send(), 200);
  mail.check = check;
  assert.equal(await send(), 401);
  assert.equal(mail.sent.length, 1);
});
