// Chromium, and a server on this machine only for the pages that it opens.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const here = dirname(fileURLToPath(import.meta.url));
export const target = join(here, "../../target");
export const npm = resolve(process.env.AMBIT_PACKAGE ?? join(target, "npm"));
export const fixture = process.env.AMBIT_FIXTURE;
/** A folder with `playwright-core` and `axe-core`. */
export const tools = process.env.AMBIT_BROWSER;
// The pages are those of the small build only.
export const skip = fixture && tools && process.env.AMBIT_SMALL ? false : "no AMBIT_BROWSER, or not the small build";

const TYPES = { html: "text/html", js: "text/javascript", mjs: "text/javascript", css: "text/css", wasm: "application/wasm", json: "application/json" };

const chromium = () => createRequire(join(tools, "package.json"))("playwright-core").chromium;
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** The service worker of an extension in a Chromium of its own, which `close` ends. */
export async function extension(folder, profile) {
  const context = await chromium().launchPersistentContext(profile, {
    executablePath,
    ignoreDefaultArgs: ["--disable-extensions"],
    args: [
      "--headless=new", "--no-sandbox", "--disable-features=DisableLoadExtensionCommandLineSwitch",
      `--disable-extensions-except=${folder}`, `--load-extension=${folder}`,
    ],
  });
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker", { timeout: 20_000 }));
  return { evaluate: (body) => worker.evaluate(body), close: () => context.close() };
}

/** What is seriously wrong with the page for those who do not see it, or see it otherwise. */
export async function serious(page) {
  await page.evaluate(await readFile(join(tools, "node_modules/axe-core/axe.min.js"), "utf8"));
  const { violations } = await page.evaluate(() => axe.run());
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const found = serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
  const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  return fits ? found : [...found, "it needs sideways scrolling"];
}

export class Browser {
  /** `folders` by the first part of a path; `""` for the rest. */
  static async start(folders, headers = {}) {
    const made = new Browser();
    made.server = createServer(async ({ url }, answer) => {
      const [, folder = "", name] = /^\/(?:([a-z]+)\/)?((?:stores\/)?[\w.-]+)$/.exec(url) ?? [];
      const file = join(folders[folder] ?? "none", name ?? "none");
      const bytes = await readFile(file).catch(() => undefined);
      const type = TYPES[file.split(".").at(-1)] ?? "application/octet-stream";
      answer.writeHead(bytes ? 200 : 404, { "content-type": type, ...headers }).end(bytes);
    });
    await new Promise((done) => made.server.listen(0, "127.0.0.1", done));
    made.browser = await chromium().launch({ executablePath, args: ["--no-sandbox"] });
    return made;
  }

  /** A new page, once it says that it is ready; nothing may have gone wrong until then. */
  async open(name, options = {}) {
    await this.page?.context().close();
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = (this.page = await context.newPage());
    const complaints = [];
    page.on("console", (said) => said.type() === "error" && complaints.push(said.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`http://127.0.0.1:${this.server.address().port}/${name}`);
    await page.waitForSelector("html[data-ready]", { timeout: 30_000 }).catch(() => assert.fail(complaints.join("\n")));
    // Nobody has an icon.
    assert.deepEqual(complaints.filter((said) => !said.includes("404")), []);
    return page;
  }

  serious() {
    return serious(this.page);
  }

  async close() {
    await this.browser?.close();
    this.server?.close();
  }
}
