// The stores of the package keep to one contract: in memory here, IndexedDB in Chromium. The Durable Object's is tested
// in workerd (`runtimes.test.mjs`), and here over a storage that does what Cloudflare's is said to do.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { Browser, here, npm, skip } from "./browser.mjs";
import { contract } from "./store-contract.mjs";

const { AmbitStore, durableObject, memory } = await import(pathToFileURL(join(npm, "slim.js")));

test("a store in memory", async () => {
  const store = memory();
  assert.deepEqual(await contract(() => store), []);
});

/** One step after another, and nothing of one that failed. */
class Storage {
  values = new Map();
  #turn = Promise.resolve();

  transaction(body) {
    this.#turn = this.#turn.catch(() => undefined).then(async () => {
      const before = structuredClone(this.values);
      try {
        return await body(this);
      } catch (error) {
        this.values = before;
        throw error;
      }
    });
    return this.#turn;
  }
  async get(keys) {
    assert.ok(keys.length <= 128 && keys.every((key) => new TextEncoder().encode(key).length <= 2048));
    return new Map(keys.filter((key) => this.values.has(key)).map((key) => [key, this.values.get(key)]));
  }
  async put(entries) {
    assert.ok(Object.keys(entries).length <= 128);
    for (const [key, value] of Object.entries(entries)) this.values.set(key, value);
  }
  async delete(keys) {
    assert.ok(keys.length <= 128);
    for (const key of keys) this.values.delete(key);
  }
  async list({ start, end }) {
    return new Map([...this.values].filter(([key]) => key >= start && key < end).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** Workers and the object are apart: what is sent is text. */
function namespace(object) {
  const fetch = async (url, init) => object.fetch(new Request(url, init));
  return { idFromName: (name) => name, get: () => ({ fetch }) };
}

test("a store in a Durable Object", async () => {
  const storage = new Storage();
  const objects = namespace(new AmbitStore({ storage }));
  assert.deepEqual(await contract(() => durableObject(objects)), []);
  const failing = { idFromName: (name) => name, get: () => ({ fetch: async () => new Response("", { status: 500 }) }) };
  await assert.rejects(durableObject(failing).transact(["a"], () => ({})), /status 500/);
});

test("a store in IndexedDB, which pages share and which outlives them", { skip }, async () => {
  const browser = await Browser.start({ npm, "": here });
  try {
    const page = await browser.open("store.html");
    const outcome = await page.evaluate(async () => {
      const { indexedDb } = await import("/npm/slim.js");
      const { contract } = await import("/store-contract.mjs");
      return contract(() => indexedDb("contract"));
    });
    assert.deepEqual(outcome, []);
    await page.evaluate(async () => {
      const { indexedDb } = await import("/npm/slim.js");
      await indexedDb("lasting").transact([], () => ({ write: new Map([["a", { value: "1" }]]) }));
    });
    await page.reload();
    const lasting = await page.evaluate(async () => {
      const { indexedDb } = await import("/npm/slim.js");
      let value;
      await indexedDb("lasting").transact(["a"], (kept) => ((value = kept.get("a")?.value), {}));
      return value;
    });
    assert.equal(lasting, "1");
  } finally {
    await browser.close();
  }
});
