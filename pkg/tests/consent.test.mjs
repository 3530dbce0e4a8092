// `<ambit-consent>` in Chromium, with every state on one page. Pictures of what people see go to `target/consent`.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Browser, fixture, here, npm, skip, target } from "./browser.mjs";

const pictures = join(target, "consent");
const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'self'";

let browser, page;

before(async () => {
  if (skip) return;
  browser = await Browser.start({ npm, fixture, "": join(here, "consent") }, { "content-security-policy": POLICY });
  await mkdir(pictures, { recursive: true });
});

after(() => browser?.close());

const opened = async (options) => {
  page = await browser.open("gallery.html", options);
};

const shown = (name) =>
  page.$eval(`#${name}`, (element) => element.shadowRoot.querySelector("[part=text]").textContent);
const awake = (name) => page.waitForSelector(`#${name}:not([data-asleep])`, { timeout: 5000 });

test("not a word more, less or moved, whatever the page says", { skip }, async () => {
  await opened();
  const all = await page.$$eval("ambit-consent", (elements) =>
    elements.map((one) => [one.id, one.shadowRoot.querySelector("[part=text]").textContent, one.consent.text]));
  assert.equal(all.length, 14);
  for (const [name, text, wanted] of all) assert.equal(text, wanted, name);
  // It is laid out where the parts are known, and in order where they are not.
  const has = (name, selector) => page.$eval(`#${name}`, (one, of) => one.shadowRoot.querySelector(of) !== null, selector);
  assert.ok(await has("open", "h2 + p.who ~ ul.own li .mark.financial"));
  assert.ok(await has("open", "details ul li"));
  assert.ok(await has("wider", ".mark.wider"));
  assert.ok(await has("narrower", ".mark.narrower"));
  for (const name of ["unknown", "cut", "call", "letter"]) assert.ok(await has(name, ".plain"), name);
});

test("what others wrote stays where it stands", { skip }, async () => {
  const text = await shown("hostile");
  assert.equal(text.match(/^Cannot$/gm).length, 1, text);
  const foreign = await page.$eval("#hostile", (one) => [...one.shadowRoot.querySelectorAll("bdi")].map((it) => it.textContent));
  assert.ok(foreign.some((it) => it.includes("אבגדה")), foreign.join());
  assert.ok(foreign.some((it) => it.includes("مثال")), foreign.join());
});

test("text that runs from right to left moves nothing, whatever quotes it has", { skip }, async () => {
  await opened();
  for (const name of ["hostile", "long", "letter"]) {
    const [inside, outside] = await page.$eval(`#${name}`, (one) => {
      const found = [[], []];
      const texts = document.createTreeWalker(one.shadowRoot.querySelector("[part=text]"), NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const { data, parentElement } = texts.currentNode;
        if (/[\u0590-\u08ff]/.test(data)) found[parentElement.closest("bdi") ? 0 : 1].push(data);
      }
      return found;
    });
    assert.ok(inside.length > 0, name);
    assert.deepEqual(outside, [], name);
    // What is ours stays outside.
    for (const foreign of inside) assert.ok(!/^- |Let |\?$/.test(foreign), foreign);
  }
});

/** Rows of the page that begin where a line of ours does, but go on with one. */
const impostors = () => {
  const wrong = [];
  let wrapped = 0;
  for (const one of document.querySelectorAll("ambit-consent")) {
    const root = one.shadowRoot.querySelector("[part=text]");
    root.querySelector("details")?.setAttribute("open", "");
    const rows = new Map();
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const at = texts.currentNode.parentElement;
      if (texts.currentNode.data.trim() === "" || at.closest(".joint, summary, h3")) continue;
      const row = at.closest(".row, h2, .who, .note");
      if (!row) {
        wrong.push(`${one.id}: in no row: ${texts.currentNode.data}`);
        continue;
      }
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      rows.set(row, [...(rows.get(row) ?? []), ...range.getClientRects()]);
    }
    for (const [row, rects] of rows) {
      const seen = rects.filter(({ width, height }) => width > 1 && height > 1);
      const first = Math.min(...seen.map(({ bottom }) => bottom)) - 2;
      const rest = seen.filter(({ top }) => top >= first);
      const left = Math.min(...seen.filter(({ top }) => top < first).map((it) => it.left));
      wrapped += rest.length > 0 ? 1 : 0;
      if (rest.some((it) => it.left < left + 12)) wrong.push(`${one.id}: ${row.textContent}`);
      // And there is a bar beside it.
      if (!getComputedStyle(row).backgroundImage.includes("linear-gradient")) wrong.push(`${one.id}: no bar: ${row.textContent}`);
    }
  }
  return { wrong, wrapped };
};

test("no row of a long text begins where a line of ours does, however narrow the page", { skip }, async () => {
  for (const [name, viewport, size] of [["wide", 1280, "100%"], ["half", 640, "100%"], ["narrow", 320, "100%"], ["large", 320, "200%"]]) {
    await opened({ viewport: { width: viewport, height: 900 } });
    await page.evaluate((size) => (document.documentElement.style.fontSize = size), size);
    const { wrong, wrapped } = await page.evaluate(impostors);
    assert.deepEqual(wrong, [], name);
    assert.ok(wrapped > 20, `${name}: ${wrapped}`);
    for (const one of ["long", "letter"]) await page.locator(`#${one}`).screenshot({ path: join(pictures, `${name}-${one}.png`) });
  }
});

test("a click too early, or by a script, answers nothing", { skip }, async () => {
  await opened();
  const click = (trusted) => (trusted
    ? page.locator("#open").locator("button[part=approved]").click({ noWaitAfter: true })
    : page.$eval("#open", (one) => one.shadowRoot.querySelector("[part=approved]").click()));
  await page.evaluate(() => dispatchEvent(new Event("focus")));
  await click(true);
  await awake("open");
  await click(false);
  assert.deepEqual(await page.evaluate(() => answers), []);
  await click(true);
  const [answer] = await page.evaluate(() => answers);
  const consent = await page.$eval("#open", ({ consent }) => consent);
  const { text_s256, binding_s256, locale, renderer } = consent;
  assert.deepEqual(answer, { decision: "approved", choices: [], text_s256, binding_s256, locale, renderer });
  const after = await page.$eval("#open", (one) => one.shadowRoot.querySelector("[part=answer]").textContent);
  assert.equal(after, "You allowed this.");
});

test("less is described anew before it can be allowed", { skip }, async () => {
  await opened();
  const whole = await shown("open");
  await awake("open");
  const part = (name) => page.locator("#open").locator(`[part=${name}]`);
  await part("less").click();
  await page.locator("#open").locator("[part=choice] span").first().click();
  await page.waitForFunction((before) => document.querySelector("#open").consent.text !== before, whole);
  const less = await shown("open");
  assert.notEqual(less, whole);
  assert.equal(less, await page.$eval("#open", ({ consent }) => consent.text));
  await awake("open");
  await part("approved").click();
  const [answer] = await page.evaluate(() => answers);
  assert.equal(answer.choices.length, 1);
  assert.equal(answer.text_s256, await page.$eval("#open", ({ consent }) => consent.text_s256));
});

test("a box that a script clicks chooses nothing, and stays as it was", { skip }, async () => {
  await opened();
  await awake("open");
  const said = await page.$eval("#open", (one) => {
    let asked = 0;
    one.addEventListener("ambit-choices", () => asked++);
    const box = one.shadowRoot.querySelector("input[type=checkbox]");
    box.click();
    box.nextElementSibling.click();
    box.checked = true;
    box.dispatchEvent(new Event("change"));
    // Where the page hears the click before the element and lets nobody else hear it, too.
    window.addEventListener("click", (event) => event.stopImmediatePropagation(), { capture: true, once: true });
    box.click();
    return { asked, checked: box.checked, state: one.state, choices: one.choices };
  });
  assert.deepEqual(said, { asked: 0, checked: false, state: "open", choices: [] });
});

test("choices stay with the text that they were made for", { skip }, async () => {
  await opened();
  await awake("open");
  const part = (name) => page.locator("#open").locator(`[part=${name}]`);
  // The text that comes is not the one that was asked for: first one that says so, then one that does not.
  for (const strip of [false, true]) {
    await page.evaluate((strip) => {
      const [open, wider] = ["open", "wider"].map((name) => document.getElementById(name));
      const first = open.consent;
      const other = { ...wider.consent };
      if (strip) delete other.chosen;
      // Before the page's own listener, whose text does not come.
      const instead = (event) => {
        event.stopImmediatePropagation();
        open.consent = other;
      };
      window.addEventListener("ambit-choices", instead, { once: true, capture: true });
      open.consent = { ...first, chosen: [] };
    }, strip);
    await awake("open");
    if (await part("choices").isHidden()) await part("less").click();
    await page.evaluate(() => {
      const open = document.getElementById("open");
      globalThis.other = document.getElementById("wider").consent.text_s256;
      open.shadowRoot.querySelector("input").focus();
    });
    await page.keyboard.press("Space");
    await page.waitForFunction(() => document.getElementById("open").consent.text_s256 === other);
    assert.deepEqual(await page.$eval("#open", ({ choices }) => choices), []);
    const boxes = await page.$eval("#open", (one) => [...one.shadowRoot.querySelectorAll("input")].filter((it) => it.checked).length);
    assert.equal(boxes, 0);
  }
  await awake("open");
  await part("approved").click();
  const [answer] = await page.evaluate(() => answers);
  assert.deepEqual([answer.choices, answer.text_s256], [[], await page.evaluate(() => other)]);
});

test("it works by the keyboard, and the buttons weigh the same", { skip }, async () => {
  await opened();
  await awake("open");
  const sizes = await page.$eval("#open", (one) =>
    [...one.shadowRoot.querySelectorAll("button")].map((it) => {
      const style = getComputedStyle(it);
      return [style.fontWeight, style.color, style.backgroundColor, style.borderColor, it.offsetHeight, it.offsetWidth].join();
    }));
  assert.equal(sizes.length, 3);
  assert.equal(new Set(sizes).size, 1, sizes.join(" | "));
  await page.locator("#open").locator("summary").focus();
  for (const expected of ["denied", "less", "approved"]) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => document.activeElement.shadowRoot.activeElement.getAttribute("part"));
    assert.equal(focused, expected);
  }
  await page.keyboard.press("Enter");
  assert.equal((await page.evaluate(() => answers))[0].decision, "approved");
});

for (const [name, options] of Object.entries({
  light: {},
  dark: { colorScheme: "dark" },
  narrow: { viewport: { width: 320, height: 900 } },
  // What a window of 1,280 pixels has left at 200 %.
  large: { viewport: { width: 640, height: 900 }, deviceScaleFactor: 2 },
})) {
  test(`nothing serious is wrong with it: ${name}`, { skip }, async () => {
    await opened(options);
    assert.deepEqual(await browser.serious(), []);
    await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
    await page.locator("#wider").screenshot({ path: join(pictures, `${name}-one.png`) });
  });
}
