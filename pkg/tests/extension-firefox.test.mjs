// The extension of `examples/extension` in Firefox: the table of attacks, and that what was granted or approved is sent.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ABSENT, ATTACKS, PRELUDE } from "../examples/extension/tests/attacks.mjs";
import { layOut } from "../examples/extension/tests/browser.mjs";
import { executable, FirefoxPerson, openFirefox, UUID } from "../examples/extension/tests/firefox.mjs";
import { Mail } from "../examples/extension/tests/mail.mjs";
import { World } from "../examples/extension/tests/world.mjs";
import { here, npm, skip as noBrowser, tools } from "./browser.mjs";

const ambit = process.env.AMBIT_COMMAND;
const lacking = existsSync(executable) ? false : `no ${executable}`;
const skip = noBrowser || lacking || (ambit ? false : "no AMBIT_COMMAND");
const example = join(here, "../examples/extension");
const MAIL = "http://mail.acme.example/";
const SEND = `${MAIL}api/send`;
const EVE = { to: "eve@evil.example", subject: "Offer", body: "Dear Eve,\n\nour numbers." };
const NAMES = Object.keys(ATTACKS);
const absent = Object.keys(ABSENT.firefox);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

let folder, world, mail, browser, person;

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), "ambit-firefox-"));
  world = await World.make(ambit, example, join(folder, "policy"));
  mail = await Mail.start(world);
});

after(async () => {
  await browser?.close();
  mail?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const subjects = () => mail.sent.map(({ subject }) => subject);
const has = (name) => subjects().includes(name);

/** Runs an attack in a page of its own. What it throws is its own affair. */
async function run(browser, name) {
  const page = await browser.newPage();
  await page.goto(MAIL, { timeout: 20_000 });
  const url = JSON.stringify(`${SEND}?subject=${encodeURIComponent(name)}`);
  const program = `(async () => { ${PRELUDE}; const url = ${url}, subject = ${JSON.stringify(name)}; ${ATTACKS[name]}; })().catch(() => undefined)`;
  await Promise.race([page.evaluate(program).catch(() => undefined), pause(1500)]);
}

/** Runs them a few at a time, and waits until what was sent is there, or for as long as it would have taken. */
async function runAll(browser, names, most) {
  const before = new Set(await browser.pages());
  for (let at = 0; at < names.length; at += 16) {
    const some = names.slice(at, at + 16);
    await Promise.all(some.map((name) => run(browser, name).catch(() => undefined)));
    for (let waited = 0; waited < most && !some.every(has); waited += 50) await pause(50);
    const opened = (await browser.pages()).filter((page) => !before.has(page));
    await Promise.race([Promise.all(opened.map((page) => page.close().catch(() => undefined))), pause(3000)]);
  }
}

test("Firefox: every attack works where nothing refuses it", { skip, timeout: 240_000 }, async () => {
  const bare = await openFirefox(tools, mail.port);
  try {
    await runAll(bare, NAMES, 2500);
    // On a busy machine once more, a few at a time.
    const late = NAMES.filter((name) => !has(name) && !absent.includes(name));
    for (const name of late) await runAll(bare, [name], 4000);
    // Those that Firefox does not have are these, and no others.
    assert.deepEqual(NAMES.filter((name) => !has(name)), NAMES.filter((name) => absent.includes(name)));
  } finally {
    await bare.close();
  }
});

test("Firefox: none gets through with the extension", { skip, timeout: 240_000 }, async () => {
  const extension = await layOut(example, npm, world, join(folder, "extension"));
  browser = await openFirefox(tools, mail.port, extension);
  person = await FirefoxPerson.with(browser, world, folder);
  await person.takeGrant(async (name, text) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  });
  mail.sent = [];
  await runAll(browser, NAMES, 800);
  await pause(1500);
  assert.deepEqual(subjects(), []);
});

test("Firefox: what was granted goes, and exactly what was approved", { skip, timeout: 120_000 }, async () => {
  assert.ok(person, "the extension is set up");
  // What the attacks had held is over.
  for (const page of await browser.pages()) if (page !== person.own) await page.close().catch(() => undefined);
  mail.sent = [];
  const page = await person.openMail();
  assert.equal(await person.send(page, { to: "carl@acme.example", subject: "Plan", body: "Hello" }, true), "Sent.");
  const [{ message, headers }] = mail.sent;
  assert.deepEqual([message.to, message.subject, message.body], [["carl@acme.example"], "Plan", "Hello"]);
  assert.equal(headers.origin, `moz-extension://${UUID}`);
  assert.match(headers.cookie, /session=ann/);

  assert.match(await person.send(page, EVE), /^Held/);
  const dialog = await person.dialog();
  const text = await dialog.$eval("main", (main) => main.innerText);
  for (const part of [/To eve@evil\.example outside/, /Offer/, /Dear Eve,\s+our numbers\./]) assert.match(text, part);
  // A script's click is none, and what the page changes meanwhile changes nothing.
  await dialog.evaluate(() => document.getElementById("send").click());
  await page.evaluate(() => (document.querySelector("[name=to]").value = "mallory@evil.example"));
  await pause(300);
  assert.deepEqual(subjects(), ["Plan"]);
  assert.equal(await person.answer(page, dialog, "send"), "Sent.");
  assert.deepEqual(subjects(), ["Plan", "Offer"]);
  assert.deepEqual([mail.sent[1].message.to, mail.sent[1].message.body], [[EVE.to], EVE.body]);
  assert.ok(mail.sent[1].headers["ambit-approval"]);

  // The same once more is held again, and stopping ends it.
  assert.match(await person.send(page, EVE), /^Held/);
  assert.match(await person.answer(page, await person.dialog(), "stop"), /was stopped/);
  assert.match(await person.send(page, { to: "carl@acme.example", subject: "x" }), /has no grant/);
  assert.equal(await page.evaluate((url) => fetch(url, { method: "POST" }).then(() => "reached", () => "refused"), SEND), "refused");
  assert.equal(mail.sent.length, 2);
});

test("Firefox: the page reaches nothing of the extension", { skip, timeout: 120_000 }, async () => {
  const page = await person.openMail();
  for (const name of ["dialog.html", "popup.html", "setup.html", "content.js", "manifest.json", "evaluator/evaluator.wasm"]) {
    const url = `moz-extension://${UUID}/${name}`;
    assert.equal(await page.evaluate((url) => fetch(url).then(() => "reached", () => "refused"), url), "refused", name);
    // A frame that was refused has no document of the extension.
    const seen = await page.evaluate((url) => new Promise((done) => {
      const frame = Object.assign(document.createElement("iframe"), { src: url });
      frame.onload = frame.onerror = () => done("loaded");
      document.body.append(frame);
      setTimeout(() => done("nothing"), 500);
    }), url);
    const framed = await Promise.all(page.frames().map((frame) => frame.evaluate(() => location.href).catch(() => "")));
    assert.equal(framed.some((href) => href.startsWith("moz-extension:")), false, `${name}: ${seen}`);
  }
  assert.equal(await page.evaluate(() => typeof globalThis.browser?.runtime ?? typeof globalThis.chrome?.runtime), "undefined");
});
