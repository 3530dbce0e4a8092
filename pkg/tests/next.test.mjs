// The packed package in an application of Next: a page, a route on Node, and a route in the edge runtime.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { Browser, skip as noBrowser } from "./browser.mjs";
import { decide, Project, run, skip as noPackage } from "./packed.mjs";

const next = process.env.AMBIT_NEXT;
const skip = noPackage || noBrowser || (next ? false : "no AMBIT_NEXT");

const ROUTE = `import { decide } from "../../decide.mjs";
export const dynamic = "force-dynamic";
export const GET = async () => new Response(await decide());`;
const FILES = {
  "package.json": '{"name":"used","private":true,"type":"module"}',
  "decide.mjs": decide("@ambit/evaluator"),
  "app/layout.js": "export default ({ children }) => <html lang=\"en\"><body>{children}</body></html>;",
  "app/page.js": `"use client";
import { useEffect, useState } from "react";
import { decide } from "../decide.mjs";
export default function Page() {
  const [said, say] = useState("");
  useEffect(() => { decide().then(say, (error) => say(String(error))); }, []);
  return <output>{said}</output>;
}`,
  "app/node/route.js": ROUTE,
  "app/edge/route.js": `${ROUTE}\nexport const runtime = "edge";`,
};

/** The application, beside what Next needs, with the package in it. */
async function application() {
  const [folder, project] = [await mkdtemp(join(next, "used-")), await Project.make()];
  for (const [name, content] of Object.entries(FILES)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  await cp(project.place("world.mjs"), join(folder, "world.mjs"));
  await cp(project.place("node_modules"), join(folder, "node_modules"), { recursive: true });
  await project.remove();
  return folder;
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

test("Next: a page, a Node route, an edge route", { skip, timeout: 400_000 }, async () => {
  const folder = await application();
  const program = join(next, "node_modules/next/dist/bin/next");
  const options = { cwd: folder, env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" }, timeout: 300_000 };
  let server, browser;
  try {
    await run(process.execPath, [program, "build"], options);
    const port = await freePort();
    server = spawn(process.execPath, [program, "start", "-p", String(port), "-H", "127.0.0.1"], { ...options, timeout: undefined, stdio: "ignore" });
    const at = `http://127.0.0.1:${port}`;
    const answer = async (path, tries = 200) => {
      const response = await fetch(`${at}${path}`).catch(() => undefined);
      if (response !== undefined) return response.text();
      if (tries === 0) throw new Error("Next does not start");
      await new Promise((done) => setTimeout(done, 100));
      return answer(path, tries - 1);
    };
    for (const path of ["/node", "/edge"]) assert.equal(await answer(path), "ok", path);
    browser = await Browser.start({});
    const page = await (await browser.browser.newContext()).newPage();
    await page.goto(`${at}/`);
    await page.waitForFunction(() => document.querySelector("output")?.textContent, undefined, { timeout: 30_000 });
    assert.equal(await page.textContent("output"), "ok");
  } finally {
    await browser?.close();
    server?.kill();
    await rm(folder, { recursive: true, force: true });
  }
});
