// The npm package in runtimes that have no standard input, behind the line protocol (`tests/conformance/README.md`): one page
// of a browser, or one worker, which gets many lines at once. Usage: node relay.mjs chromium|firefox|workerd FOLDER_OF_THE_PACKAGE
//
// Browsers are driven by the packages in `AMBIT_BROWSER`, workerd is the one in `AMBIT_RUNTIMES`.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [, , runtime, named] = process.argv;
const folder = resolve(named);
const here = dirname(fileURLToPath(import.meta.url));
/** Lines that are sent at once, and that are read ahead. */
const MOST = 128;
const TYPES = { html: "text/html", js: "text/javascript", mjs: "text/javascript", wasm: "application/wasm" };
/** What extensions have: wasm, and no program but those of files. */
const HEADERS = { "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" };
const PAGE = `<!doctype html><title>engine</title><script type="module" src="/page.mjs"></script>`;
const SCRIPT = `
import { answering } from "/engines/answer.mjs";
import * as entry from "/package/index.js";
import * as evaluator from "/package/evaluator.js";
import * as engine from "/package/engine.js";
const answer = answering(entry, evaluator, engine);
globalThis.answers = async (commands) => {
  const lines = [];
  for (const command of JSON.parse(commands)) lines.push(await answer(command));
  return JSON.stringify(lines);
};`;

/** The files that `load` names, by their number. */
const files = [];

async function content(path) {
  const [, kind, name] = /^\/(engines|package|files)\/((?:stores\/)?[\w.-]+)$/.exec(path) ?? [];
  if (kind === "files") return files[Number(name)] && readFile(files[Number(name)]);
  if (kind) return readFile(join({ engines: here, package: folder }[kind], name));
  return { "/": PAGE, "/page.mjs": SCRIPT }[path];
}

const server = createServer(async ({ url }, told) => {
  const bytes = await content(url).catch(() => undefined);
  const type = TYPES[url === "/" ? "html" : url.split(".").at(-1)] ?? "application/octet-stream";
  told.writeHead(bytes === undefined ? 404 : 200, { "content-type": type, ...HEADERS }).end(bytes ?? "");
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const origin = `http://127.0.0.1:${server.address().port}`;

const from = (folder, name) => createRequire(join(folder, "package.json"))(name);

/** A page that answers, by either driver. */
async function inPage(browser, version) {
  const page = await browser.newPage();
  await page.goto(`${origin}/`);
  await page.waitForFunction(() => globalThis.answers !== undefined);
  return {
    about: version,
    ask: async (commands) => JSON.parse(await page.evaluate((commands) => globalThis.answers(commands), JSON.stringify(commands))),
    close: () => browser.close(),
  };
}

const start = {
  async chromium() {
    const { chromium } = from(process.env.AMBIT_BROWSER, "playwright-core");
    const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    return inPage(browser, `Chromium ${browser.version()}`);
  },
  async firefox() {
    const puppeteer = from(process.env.AMBIT_BROWSER, "puppeteer-core");
    const executablePath = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
    const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true, protocolTimeout: 120_000 });
    return inPage(browser, (await browser.version()).replace("firefox/", "Firefox "));
  },
  async workerd() {
    const { workers } = await import("../../pkg/tests/workerd.mjs");
    const made = await mkdtemp(join(tmpdir(), "ambit-engine-"));
    // Where the helper expects a project with the package installed, there is the package itself.
    const place = (first, ...rest) => (first.startsWith("node_modules/") ? join(folder, ...rest) : join(made, first, ...rest));
    const project = { place, write: (name, text) => writeFile(place(name), text) };
    const source = `
import { answering } from ${JSON.stringify(join(here, "answer.mjs"))};
import * as entry from ${JSON.stringify(join(folder, "workerd.js"))};
import * as evaluator from ${JSON.stringify(join(folder, "evaluator.js"))};
import * as engine from ${JSON.stringify(join(folder, "engine.js"))};
export { AmbitStore } from ${JSON.stringify(join(folder, "workerd.js"))};
const answer = answering(entry, evaluator, engine);
export default { async fetch(request) {
  const lines = [];
  for (const command of await request.json()) lines.push(await answer(command));
  return Response.json(lines);
} };`;
    let close;
    const ended = new Promise((done) => (close = done));
    return new Promise((done, fail) => {
      const running = workers(project, "engine", { main: { source } }, (ask) => {
        const about = `workerd ${from(process.env.AMBIT_RUNTIMES, "workerd/package.json").version}`;
        done({ about, close: () => (close(), running), ask: async (commands) => (await ask("main", "/", { method: "POST", body: JSON.stringify(commands) })).json() });
        return ended;
      }).catch(fail).finally(() => rm(made, { recursive: true, force: true }));
    });
  },
};

const { about, ask, close } = await start[runtime]();

/** A command as it crosses: files are fetched from here. */
function carried(line) {
  const { module, ...command } = JSON.parse(line);
  return module === undefined ? command : { ...command, url: `${origin}/files/${files.push(module) - 1}` };
}

const lines = [];
let wake = () => {};
let ended = false;
const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  if (lines.push(line) >= MOST) input.pause();
  wake();
});
input.on("close", () => {
  ended = true;
  wake();
});
while (true) {
  const commands = lines.splice(0, MOST).map(carried);
  if (commands.length > 0) {
    for (const [at, line] of (await ask(commands)).entries()) console.log(commands[at].op === "about" ? about : line);
    if (lines.length === 0 && !ended) input.resume();
  } else if (ended) break;
  else await new Promise((done) => (wake = done));
}
await close();
server.close();
server.closeAllConnections();
