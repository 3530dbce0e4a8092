// The playground in Chromium, as `cargo xtask web` lays it out.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Browser, fixture, npm, skip, target } from "./browser.mjs";

const folder = join(target, "playground");
const pictures = join(target, "consent");
let browser, page;

before(async () => {
  if (!skip) browser = await Browser.start({ npm, "": folder });
});

after(() => browser?.close());

const text = (id) => page.locator(`#${id}`).innerText();
const file = (name) => join(fixture, name);
const policy = async () => {
  await page.setInputFiles("[name=policy]", file("policy.bundle"));
  await page.setInputFiles("[name=signature]", file("policy.wasm.dsse.json"));
  await page.setInputFiles("[name=trust]", file("keys.json"));
};
const request = async () => JSON.parse(await readFile(file("request.json"), "utf8"));
const fill = (whole) => page.fill("#request", typeof whole === "string" ? whole : JSON.stringify(whole));

test("what a request gets, and what everybody is shown of it", { skip }, async () => {
  page = await browser.open("index.html");
  assert.match(await text("answer"), /No request yet/);
  // The time is that of the request: the policy has ended since.
  await fill(await request());
  await policy();
  // The page reads each file when it likes.
  await page.waitForSelector("#policy .yes");
  assert.match(await text("policy"), /Its signature holds/);
  await page.waitForSelector("#grant ambit-consent");
  assert.match(await text("answer"), /Allowed \[allowed\]/);
  assert.match(await text("chain"), /Root: who granted what/);
  assert.match(await text("chain"), /"alg": "Ed25519"/);
  const shown = (id) => page.$eval(`#${id} ambit-consent`, (one) => one.shadowRoot.textContent);
  assert.match(await shown("grant"), /^Let Renewal bot/);
  assert.match(await shown("call"), /ann@customer\.example/);
  assert.ok(await page.isHidden("#advice"));
  assert.deepEqual(await browser.serious(), []);
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, "playground.png"), fullPage: true });
});

test("a denial says why and what would help", { skip }, async () => {
  const whole = await request();
  whole.evaluation.action.properties.args.to = "eve@evil.example";
  await fill(whole);
  await page.waitForSelector("#advice li");
  assert.match(await text("answer"), /Denied \[constraint\.email_domain\]/);
  assert.match(await text("advice"), /customer\.example/);
});

test("a token of its own goes with the request, and its digits stay", { skip }, async () => {
  const { token, ...rest } = await request();
  await fill(rest);
  await page.fill("#token", token);
  await page.waitForSelector("#answer .yes");
  await fill("{not json");
  assert.match(await text("answer"), /Denied \[request\./);
  await page.fill("#token", "abc~def");
  assert.match(await text("chain"), /This is no signed block/);
});

test("all of it can be pasted", { skip }, async () => {
  page = await browser.open("index.html");
  await page.click("summary");
  await page.fill("#policy-text", "no base64!");
  await page.fill("#trust-text", await readFile(file("keys.json"), "utf8"));
  await page.waitForSelector("#policy .no");
  assert.match(await text("policy"), /\[module\.truncated\]/);
  // As `base64` of a shell writes it, in lines.
  await page.fill("#policy-text", (await readFile(file("policy.bundle"))).toString("base64").replace(/.{76}/g, "$&\n"));
  await page.fill("#signature-text", await readFile(file("policy.wasm.dsse.json"), "utf8"));
  await fill(await request());
  await page.waitForSelector("#answer .yes");
  assert.match(await text("policy"), /Its signature holds/);
  assert.deepEqual(await browser.serious(), []);
});

test("a policy that was altered is refused in words", { skip }, async () => {
  const bytes = await readFile(file("policy.bundle"));
  bytes[bytes.length - 1] ^= 1;
  await page.setInputFiles("[name=policy]", { name: "policy.bundle", mimeType: "application/octet-stream", buffer: bytes });
  await page.waitForSelector("#policy .no");
  assert.match(await text("policy"), /It is refused: .+ \[module\.[a-z]+\]/);
  assert.match(await text("answer"), /No policy yet/);
});
