// The extension of `examples/extension` in Chromium, against what a page may try, and what happens while an e-mail waits.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ATTACKS, PRELUDE } from "../examples/extension/tests/attacks.mjs";
import { layOut, open } from "../examples/extension/tests/browser.mjs";
import { Mail } from "../examples/extension/tests/mail.mjs";
import { Person } from "../examples/extension/tests/person.mjs";
import { serviceCheck } from "../examples/extension/tests/service.mjs";
import { World } from "../examples/extension/tests/world.mjs";
import { here, npm, serious, skip as noBrowser, target, tools } from "./browser.mjs";

const ambit = process.env.AMBIT_COMMAND;
const skip = noBrowser || (ambit ? false : "no AMBIT_COMMAND");
const example = join(here, "../examples/extension");
const pictures = join(target, "extension");
const MAIL = "http://mail.acme.example/";
const SEND = `${MAIL}api/send`;
const EVE = { to: "eve@evil.example", subject: "Offer", body: "Dear Eve,\n\nour numbers." };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

let folder, world, mail, context, person;

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), "ambit-extension-"));
  await mkdir(pictures, { recursive: true });
  world = await World.make(ambit, example, join(folder, "policy"));
  mail = await Mail.start(world);
});

after(async () => {
  await context?.close();
  mail?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const subjects = () => mail.sent.map(({ subject }) => subject);
const has = (name) => subjects().includes(name);

/** Runs an attack in a page of its own. What it throws is its own affair. */
async function run(context, name) {
  const page = await context.newPage();
  await page.goto(MAIL, { timeout: 10_000 });
  const url = JSON.stringify(`${SEND}?subject=${encodeURIComponent(name)}`);
  const program = `(async () => { ${PRELUDE}; const url = ${url}, subject = ${JSON.stringify(name)}; ${ATTACKS[name]}; })().catch(() => undefined)`;
  await Promise.race([page.evaluate(program).catch(() => undefined), pause(1500)]);
}

/** Runs them a few at a time, and waits until what was sent is there, or for as long as it would have taken. */
async function runAll(context, names, most) {
  const first = context.pages()[0];
  for (let at = 0; at < names.length; at += 16) {
    const some = names.slice(at, at + 16);
    await Promise.all(some.map((name) => run(context, name)));
    for (let waited = 0; waited < most && !some.every(has); waited += 50) await pause(50);
    await Promise.race([Promise.all(context.pages().map((page) => page === first || page.url().startsWith("chrome-extension:") || page.close())), pause(2000)]);
  }
}

test("every attack works where nothing refuses it", { skip, timeout: 180_000 }, async () => {
  const bare = await open(tools, join(folder, "bare"), mail.port);
  try {
    await runAll(bare, Object.keys(ATTACKS), 2500);
    // On a busy machine once more, one after another.
    for (const name of Object.keys(ATTACKS)) if (!has(name)) await runAll(bare, [name], 4000);
    assert.deepEqual(Object.keys(ATTACKS).filter((name) => !has(name)), []);
  } finally {
    await bare.close();
  }
});

test("its own windows are for everybody, before and after there is a grant", { skip, timeout: 90_000 }, async () => {
  const extension = await layOut(example, npm, world, join(folder, "extension"));
  context = await open(tools, join(folder, "profile"), mail.port, [extension, join(example, "tests/others/host")]);
  person = await Person.with(context, world);
  for (const has of [false, true]) {
    if (has) await person.takeGrant();
    for (const name of ["setup.html", "popup.html"]) {
      const window = await person.window(name);
      await window.waitForFunction(() => document.getElementById("keys")?.value || document.getElementById("decisions")?.textContent);
      for (const colorScheme of ["light", "dark"]) {
        await window.emulateMedia({ colorScheme });
        await window.setViewportSize({ width: 320, height: 760 });
        assert.deepEqual(await serious(window), [], `${name}, ${colorScheme}, ${has ? "with" : "without"} a grant`);
      }
      await window.screenshot({ path: join(pictures, `${name.split(".")[0]}-${has ? "granted" : "empty"}.png`), fullPage: true });
      await window.close();
    }
  }
});

test("none gets through with the extension", { skip, timeout: 180_000 }, async () => {
  mail.sent = [];
  await runAll(context, Object.keys(ATTACKS), 800);
  await pause(1500);
  assert.deepEqual(subjects(), []);
});

/** What waits, and what was sent since. */
const waiting = () => person.own.evaluate(async () => Object.values(await chrome.storage.session.get(null)));
const since = async (act) => {
  for (const { window } of await waiting()) await person.own.evaluate((window) => chrome.windows.remove(window).catch(() => undefined), window);
  await Promise.all(context.pages().filter((page) => page.url().startsWith(MAIL)).map((page) => page.close()));
  mail.sent = [];
  mail.drafts = [];
  return act();
};

test("own domain and listed people go without asking, and exactly as written", { skip, timeout: 90_000 }, () => since(async () => {
  const page = await person.openMail();
  const files = [{ name: "offer.txt", mimeType: "text/plain", buffer: Buffer.from("12 months") }];
  assert.equal(await person.send(page, { to: "carl@acme.example, ben@partner.example", subject: "Plan", files }), "Sent.");
  assert.equal(await person.sendByScript(page, { to: "Carl@ACME.example", subject: "Plan 2" }), "Sent.");
  const [{ message, headers }, second] = mail.sent;
  assert.deepEqual(message, {
    to: ["carl@acme.example", "ben@partner.example"], cc: [], bcc: [], subject: "Plan", body: "Hello\nthere",
    id: message.id, attachments: [{ name: "offer.txt", kind: "text/plain", data: Buffer.from("12 months").toString("base64") }],
  });
  assert.match(headers.cookie, /session=ann/);
  assert.equal(headers.origin, `chrome-extension://${person.id}`);
  assert.deepEqual([second.subject, mail.sent.length], ["Plan 2", 2]);
  // One outside among many holds all, in whichever field.
  for (const field of ["to", "cc", "bcc"]) {
    const dialog = await person.held(page, { to: "carl@acme.example", [field]: "carl@acme.example, ben@partner.example, eve@evil.example", subject: field });
    assert.match(await dialog.innerText("#recipients"), /eve@evil\.example outside/);
    assert.match(await person.answer(page, dialog, "draft"), /draft/);
  }
  assert.deepEqual([mail.sent.length, mail.drafts.length], [2, 3]);
}));

test("nobody can say yes to what they did not see to its end", { skip, timeout: 90_000 }, () => since(async () => {
  const page = await person.openMail();
  const dialog = await person.held(page, { ...EVE, body: `Dear Eve,${"\n".repeat(400)}PS: the password.` });
  await pause(1200);
  assert.equal(await dialog.isDisabled("#send"), true);
  assert.equal(await dialog.isDisabled("#draft"), false);
  await dialog.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await dialog.waitForSelector("#send:enabled");
  assert.match(await person.answer(page, dialog, "draft"), /draft/);
}));

test("a person sees all of it, and their button wakes up late", { skip, timeout: 90_000 }, () => since(async () => {
  const page = await person.openMail();
  const opening = context.waitForEvent("page");
  assert.match(await person.sendByScript(page, EVE), /^Held/);
  const dialog = await opening;
  await dialog.waitForSelector("main:not([hidden])");
  // Whoever is quicker than 0.7 s after the window came into view, or is a script, presses nothing.
  await dialog.bringToFront();
  await dialog.evaluate(() => dispatchEvent(new Event("focus")));
  await dialog.locator("#send").click();
  assert.equal(await dialog.evaluate(() => document.body.classList.contains("asleep")), true);
  await dialog.waitForSelector("body:not(.asleep)");
  await dialog.evaluate(() => document.getElementById("send").click());
  await dialog.evaluate(() => document.getElementById("send").dispatchEvent(new MouseEvent("click", { bubbles: true })));
  await pause(300);
  assert.deepEqual(subjects(), []);
  const text = await dialog.innerText("main");
  for (const part of [/^Held/, /To eve@evil\.example outside/, /Offer/, /Attachments\nnone/, /Dear Eve,\n\nour numbers\./, /only with your yes/, /outside of your organisation/, /An edit asks again/]) assert.match(text, part);
  const sizes = await dialog.evaluate(() => ["recipients", "subject"].map((id) => parseFloat(getComputedStyle(document.querySelector(`#${id} bdi`)).fontSize)));
  assert.ok(sizes[0] > sizes[1] * 1.3, sizes.join());
  const [hold] = await waiting();
  assert.equal(await dialog.$eval("ambit-consent", (one) => one.shadowRoot.querySelector("[part=text]").textContent), hold.display.text);
  for (const [name, options] of Object.entries({ light: {}, dark: { colorScheme: "dark" }, narrow: { colorScheme: "light" } })) {
    await dialog.emulateMedia(options);
    await dialog.setViewportSize(name === "narrow" ? { width: 320, height: 760 } : { width: 560, height: 760 });
    assert.deepEqual(await serious(dialog), [], name);
    await dialog.screenshot({ path: join(pictures, `dialog-${name}.png`), fullPage: true });
  }
  await person.awake(dialog);
  // What the page changes meanwhile changes nothing.
  await page.fill("[name=to]", "mallory@evil.example");
  await page.evaluate(() => (document.querySelector("[name=body]").value = "something else"));
  assert.equal(await person.answer(page, dialog, "send"), "Sent.");
  const [{ message, headers }] = mail.sent;
  assert.deepEqual([message.to, message.body, mail.sent.length], [[EVE.to], EVE.body, 1]);
  assert.ok(headers["ambit-approval"]);
  // An edit asks again, and so does the same once more.
  for (const next of [{ ...EVE, body: `${EVE.body}!` }, EVE]) await person.answer(page, await person.held(page, next), "draft");
  assert.equal(mail.sent.length, 1);
}));

test("a person answers by the keyboard alone", { skip, timeout: 90_000 }, () => since(async () => {
  const page = await person.openMail();
  const dialog = await person.held(page, { ...EVE, body: `Dear Eve,${"\n".repeat(100)}our numbers.` });
  await dialog.keyboard.press("End");
  await dialog.waitForSelector("#send:enabled");
  const focused = () => dialog.evaluate(() => document.activeElement.id);
  for (let tabs = 0; tabs < 8 && (await focused()) !== "send"; tabs += 1) await dialog.keyboard.press("Tab");
  assert.equal(await focused(), "send");
  assert.equal(await person.told(page, () => dialog.keyboard.press("Enter")), "Sent.");
  assert.deepEqual(subjects(), [EVE.subject]);
}));

test("a window that is closed sends nothing, and neither does a second answer", { skip, timeout: 90_000 }, () => since(async () => {
  const page = await person.openMail();
  const dialog = await person.held(page, EVE);
  const [{ id, binding_s256 }] = await waiting();
  assert.match(await person.told(page, () => dialog.close()), /closed the window/);
  const answer = (decision) => person.own.evaluate((asked) => chrome.runtime.sendMessage({ type: "answer", ...asked }), { id, decision, binding_s256 });
  assert.equal((await answer("send")).outcome, "gone");
  // Of two answers at once one counts.
  await person.held(page, EVE);
  const [again] = await waiting();
  const both = await person.own.evaluate((asked) => Promise.all([1, 2].map(() => chrome.runtime.sendMessage({ type: "answer", decision: "send", ...asked }))), { id: again.id, binding_s256: again.binding_s256 });
  assert.deepEqual(both.map(({ outcome }) => outcome).sort(), ["gone", "sent"]);
  assert.equal(mail.sent.length, 1);
}));

test("the worker sleeps between hold and approval", { skip, timeout: 90_000 }, () => since(async () => {
  const page = await person.openMail();
  const dialog = await person.held(page, EVE);
  await person.worker.evaluate(() => (globalThis.sinceTheHold = true));
  const session = await context.newCDPSession(person.own);
  const stopped = new Promise((done) => session.on("ServiceWorker.workerVersionUpdated", ({ versions }) => versions.some(({ runningStatus }) => runningStatus === "stopped") && done()));
  await session.send("ServiceWorker.enable");
  await session.send("ServiceWorker.stopAllWorkers");
  await stopped;
  await person.awake(dialog);
  assert.equal(await person.answer(page, dialog, "send"), "Sent.");
  assert.deepEqual(mail.sent.map(({ message }) => message.body), [EVE.body]);
  // It was another run of it that sent.
  assert.equal(await person.worker.evaluate(() => globalThis.sinceTheHold), undefined);
}));

test("two tabs: one hold that nobody asked for, and each answer is for its own", { skip, timeout: 90_000 }, () => since(async () => {
  const [one, two] = [await person.openMail(), await person.openMail()];
  const first = await person.held(one, { ...EVE, subject: "one" }, "sendByScript");
  assert.match(await person.sendByScript(two, { ...EVE, subject: "two" }), /waits for you already/);
  assert.match(await person.sendByScript(one, { ...EVE, subject: "three" }), /waits for you already/);
  // A person who presses the button is asked, whatever waits.
  await two.bringToFront();
  const second = await person.held(two, { ...EVE, subject: "four" });
  assert.equal(await person.answer(two, await person.awake(second), "send"), "Sent.");
  assert.deepEqual(subjects(), ["four"]);
  assert.equal(await person.answer(one, await person.awake(first), "send"), "Sent.");
  assert.deepEqual(subjects(), ["four", "one"]);
}));

test("the page reaches nothing of the extension", { skip, timeout: 90_000 }, async () => {
  const page = await person.openMail();
  for (const name of ["dialog.html", "popup.html", "setup.html", "content.js", "evaluator/evaluator.wasm", "manifest.json"]) {
    const url = `chrome-extension://${person.id}/${name}`;
    assert.equal(await page.evaluate((url) => fetch(url).then(() => "reached", () => "refused"), url), "refused", name);
    const text = await page.evaluate((url) => new Promise((done) => {
      const frame = Object.assign(document.createElement("iframe"), { src: url });
      frame.onload = () => { try { done(frame.contentDocument?.body.textContent ?? "another's"); } catch { done("another's"); } };
      document.body.append(frame);
    }), url);
    const framed = page.frames().find((frame) => frame.url().startsWith(url));
    assert.equal(framed, undefined, `${name}: ${text}`);
  }
  assert.equal(await page.evaluate(() => typeof globalThis.chrome?.runtime?.sendMessage), "undefined");
  assert.equal(await page.evaluate(() => typeof globalThis.SERVICE), "undefined");
  // Its windows answer no message of a page, and keys are for signing only.
  const extractable = await person.own.evaluate(() => new Promise((done) => {
    indexedDB.open("guard").onsuccess = ({ target: { result } }) => {
      const table = result.transaction("kept").objectStore("kept");
      table.get("holder").onsuccess = ({ target: { result: holder } }) => {
        table.get("approver").onsuccess = ({ target: { result: approver } }) => done([holder, approver].map(({ privateKey }) => privateKey.extractable));
      };
    };
  }));
  assert.deepEqual(extractable, [false, false]);
  await page.close();
});

test("what cannot be judged is refused in words", { skip, timeout: 90_000 }, () => since(async () => {
  const page = await person.openMail();
  for (const to of ["", "Ann <ann@acme.example>", "ann@acme.example;eve@evil.example", "ann@acme.example\u200b", "\"a,b\"@acme.example", "ann@acme.example eve@evil.example"]) {
    assert.match(await person.sendByScript(page, { ...EVE, to }), /^Not sent: /, to);
  }
  mail.broken = 503;
  assert.match(await person.send(page, { to: "carl@acme.example", subject: "x" }), /did not take it \(503\)/);
  mail.broken = undefined;
  assert.deepEqual([subjects(), await waiting()], [[], []]);
}));

test("the policy changes while an e-mail waits", { skip, timeout: 180_000 }, () => since(async () => {
  const page = await person.openMail();
  let dialog = await person.held(page, EVE);
  // The same call in other words: what was read is no longer what would be proved.
  await world.update({ "schema.cedarschema": (text) => text.replace('@label("text")', '@label("words")') });
  await dialog.click("#send");
  await dialog.waitForFunction(() => document.getElementById("said").textContent.includes("read it once more"));
  assert.deepEqual(subjects(), []);
  await person.awake(dialog);
  assert.equal(await person.answer(page, dialog, "send"), "Sent.");
  // What is forbidden now is not sent, whoever said yes.
  dialog = await person.held(page, EVE);
  await world.update({ "policies/base.cedar": (text) => `${text}\n@id("nobody")\nforbid (principal, action, resource) when { context.to.contains("eve@evil.example") };\n` });
  assert.match(await person.answer(page, dialog, "send"), /^Not sent/);
  assert.equal(mail.sent.length, 1);
  await world.update({ "policies/base.cedar": (text) => text.split("@id")[0] });
}));

test("the token, and the person's key, are revoked while an e-mail waits", { skip, timeout: 180_000 }, () => since(async () => {
  const page = await person.openMail();
  const { token } = await person.takeGrant();
  let dialog = await person.held(page, EVE);
  const jti = JSON.parse(Buffer.from(token.split(".")[1], "base64url")).jti;
  await world.revoke({ selector: { jti }, all: true });
  assert.match(await person.answer(page, dialog, "send"), /^Not sent/);
  assert.match(await person.send(page, { to: "carl@acme.example", subject: "x" }), /^Not sent/);
  const { enrolments } = await person.takeGrant();
  dialog = await person.held(page, EVE);
  const enrolled = JSON.parse(Buffer.from(enrolments[0].split(".")[1], "base64url")).jti;
  await world.revoke({ selector: { jti }, all: true }, { selector: { jti: enrolled }, all: true });
  assert.match(await person.answer(page, dialog, "send"), /^Not sent/);
  assert.deepEqual(subjects(), []);
  // What needs nobody's yes does not rest on that key.
  assert.equal(await person.send(page, { to: "carl@acme.example", subject: "own" }), "Sent.");
  await person.takeGrant();
}));

test("a yes that cannot be signed ends in words", { skip, timeout: 90_000 }, () => since(async () => {
  const page = await person.openMail();
  // The person's key is not good for a risk as high as this one.
  await person.takeGrant({}, { tiers: ["low"] });
  let dialog = await person.held(page, EVE);
  assert.match(await person.answer(page, dialog, "send"), /^Not sent: /);
  // The button does not wait for what it ended.
  if (!dialog.isClosed()) await dialog.waitForEvent("close");
  assert.deepEqual([subjects(), await waiting()], [[], []]);
  // Nor is one who was stopped before it could be signed left waiting.
  await person.takeGrant();
  dialog = await person.held(page, EVE);
  const [{ id, binding_s256 }] = await waiting();
  const [said] = await person.own.evaluate((asked) => Promise.all(["send", "stop"].map((decision) => chrome.runtime.sendMessage({ type: "answer", ...asked, decision }))), { id, binding_s256 });
  assert.notEqual(said.code, "guard.fault");
  assert.deepEqual([subjects(), await waiting()], [[], []]);
  await person.takeGrant();
}));

test("what the extension does not promise, the service's own check does", { skip, timeout: 180_000 }, () => since(async () => {
  const page = await person.openMail();
  const other = context.serviceWorkers().find((worker) => worker.url().endsWith("/worker.js"));
  const byOther = (headers = {}, message = { ...EVE, id: "1", to: [EVE.to], cc: [], bcc: [], attachments: [] }) =>
    other.evaluate(async ({ url, headers, body }) => (await fetch(url, { method: "POST", credentials: "include", headers, body })).status, { url: SEND, headers, body: JSON.stringify(message) });
  assert.equal(await byOther(), 200, "another extension sends past this one");
  const { enrolments } = await person.takeGrant();
  mail.check = await serviceCheck(example, npm, world, join(folder, "server"), { enrolments, origin: new URL(MAIL).origin });
  mail.sent = [];
  assert.equal(await byOther(), 401);
  assert.equal(await person.send(page, { to: "carl@acme.example", subject: "own" }), "Sent.");
  assert.equal(await person.answer(page, await person.held(page, EVE), "send"), "Sent.");
  const [, { headers, message }] = mail.sent;
  const papers = { authorization: headers.authorization, dpop: headers.dpop, "ambit-approval": headers["ambit-approval"] };
  assert.equal(await byOther(papers, message), 403, "the same once more");
  assert.equal(await byOther(papers, { ...message, body: "other" }), 401, "with another text");
  assert.deepEqual(subjects(), ["own", EVE.subject]);
  mail.check = undefined;
}));

test("the popup says what there is, and ends it at once", { skip, timeout: 180_000 }, () => since(async () => {
  const popup = await person.window("popup.html");
  await popup.waitForSelector("ambit-consent:not([hidden])");
  const text = await popup.innerText("main");
  for (const part of [/^[12] h \d+ min left/, /Sent · .*eve@evil\.example · Offer/, /Not sent · /]) assert.match(text, part);
  const shown = await popup.$eval("ambit-consent", (one) => one.shadowRoot.querySelector("[part=text]").textContent);
  for (const part of [/^On its own$/m, /^Prepares, a person decides$/m, /^Cannot$/m]) assert.match(shown, part);
  for (const [name, options] of Object.entries({ light: {}, dark: { colorScheme: "dark" }, narrow: { colorScheme: "light" } })) {
    await popup.emulateMedia(options);
    await popup.setViewportSize({ width: name === "narrow" ? 320 : 420, height: 600 });
    assert.deepEqual(await serious(popup), [], name);
    await popup.screenshot({ path: join(pictures, `popup-${name}.png`), fullPage: true });
  }
  const page = await person.openMail();
  await person.held(page, EVE);
  await popup.bringToFront();
  assert.match(await person.told(page, () => popup.click("#stop")), /was stopped/);
  await popup.waitForFunction(() => document.getElementById("left").textContent.includes("no grant"));
  assert.deepEqual([await waiting(), subjects()], [[], []]);
  assert.match(await person.send(page, { to: "carl@acme.example", subject: "x" }), /has no grant/);
  // A grant for another key is none.
  const papers = await world.papers({ holder: { kty: "EC", crv: "P-256", x: "a", y: "b" }, approver: {} });
  const { words } = await person.own.evaluate((papers) => chrome.runtime.sendMessage({ type: "accept", papers }), papers);
  assert.match(words, /for another key/);
  // The button in the window does the same, and a new grant begins anew, with another key.
  await person.takeGrant();
  const dialog = await person.held(page, EVE);
  assert.match(await person.answer(page, dialog, "stop"), /was stopped/);
  assert.match(await person.send(page, { to: "carl@acme.example", subject: "x" }), /has no grant/);
  // And the network still refuses everyone.
  await run(context, "fetch");
  await pause(500);
  assert.deepEqual(subjects(), []);
}));
