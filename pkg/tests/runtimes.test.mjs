// The packed package in every runtime, and through every bundler into Chromium.

import assert from "node:assert/strict";
import { copyFile, cp, mkdir, readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { Browser, extension, fixture, here, skip as noBrowser } from "./browser.mjs";
import { token } from "./mint.mjs";
import { decide, NOW, Project, run, skip, snippets, tool, tools } from "./packed.mjs";
import { services, workers } from "./workerd.mjs";

const MAIN = "@ambit/evaluator";
let project;

before(async () => {
  if (skip) return;
  project = await Project.make();
  await project.write("decide.mjs", decide(MAIN));
  await project.write("inlined.mjs", decide(`${MAIN}/inline`));
  for (const name of ["decide", "inlined"]) {
    await project.write(`run-${name}.mjs`, `import { decide } from "./${name}.mjs";\nconsole.log(await decide());`);
  }
});

after(() => project?.remove());

const said = async (program, words) => (await run(program, words, { cwd: project.folder })).trim().split("\n").at(-1);

test("Node", { skip }, async () => {
  assert.equal(await said("node", ["run-decide.mjs"]), "ok");
  assert.equal(await said("node", ["run-inlined.mjs"]), "ok");
});

test("Deno, which may do nothing", { skip }, async () => {
  assert.equal(await said(tool(".bin/deno"), ["run", "--no-prompt", "--no-remote", "--node-modules-dir=manual", "run-decide.mjs"]), "ok");
});

/** The program for this machine; the script that would find it is not run by `npm ci --ignore-scripts`. */
async function bun() {
  for (const name of (await readdir(tool("@oven"))).sort().reverse()) {
    const program = tool("@oven", name, "bin/bun");
    if (await run(program, ["--version"]).then(() => true, () => false)) return program;
  }
  throw new Error("Bun does not run here");
}

test("Bun", { skip }, async () => {
  assert.equal(await said(await bun(), ["run-decide.mjs"]), "ok");
});

/** One worker in workerd: what it answers at each path. */
const workerd = (name, source, variables, body) =>
  workers(project, name, { main: { source, variables } }, (ask, { main }) => body((path, init) => ask("main", path, init), main));

test("workerd, with a store in a Durable Object", { skip }, async () => {
  await cp(join(here, "store-contract.mjs"), project.place("store-contract.mjs"));
  const source = `
import { durableObject } from "${MAIN}";
import { decide } from "./decide.mjs";
import { contract } from "./store-contract.mjs";
export { AmbitStore } from "${MAIN}";
const paths = {
  "/decide": decide,
  "/contract": async (env) => (await contract(() => durableObject(env.AMBIT))).join("\\n"),
};
export default { fetch: async (request, env) => new Response(await paths[new URL(request.url).pathname](env)) };`;
  await workerd("runtime", source, {}, async (ask) => {
    assert.equal(await (await ask("/decide")).text(), "ok");
    assert.equal(await (await ask("/contract")).text(), "");
  });
});

/** An agent in Node, with the packed package: proves calls of the README's worker. */
async function agent() {
  const entry = (name) => import(pathToFileURL(project.place("node_modules/@ambit/evaluator", name)));
  const [{ load, memory }, { createKeys, prove }] = [await entry("node.js"), await entry("holder.js")];
  const policy = await load(join(fixture, "policy.bundle"), await readFile(join(fixture, "keys.json"), "utf8"), { uid: "acme/agents", store: memory(), clock: () => NOW });
  const keys = await createKeys();
  const call = { action: "email", power: "draft", purpose: "contract-renewal", resource: { type: "customer-contact", id: "c-7" } };
  const facts = { audience: "https://mail.acme.example", location: "https://mail.acme.example", method: "POST" };
  return { keys, prove: (token, args, url) => prove(policy, { ...call, token, args, facts: { ...facts, url } }, keys) };
}

/** The public key, as a token names its holder. */
async function publicJwk({ publicKey }) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return { kty, crv, x, y };
}

test("the README's worker, in workerd", { skip }, async () => {
  await copyFile(join(fixture, "keys.json"), project.place("keys.json"));
  const request = JSON.parse(await readFile(join(fixture, "request.json"), "utf8"));
  const good = await token(request, { aud: ["https://mail.acme.example"] });
  const args = (to) => JSON.stringify({ to, content_type: "text/plain", region: "eu" });
  const post = (body, headers) => ({ method: "POST", body, headers });
  await services(async (origin, drafts) => {
    const variables = { POLICY: `${origin}/policy.bundle`, EPOCHS: `${origin}/epochs`, UPSTREAM: `${origin}/drafts` };
    await workerd("readme", (await snippets()).worker, variables, async (ask, worker) => {
      const said = async (init) => {
        const answer = await ask("/c-7", init);
        return [answer.status, (await answer.json().catch(() => ({}))).code];
      };
      const bearer = { authorization: `DPoP ${good}` };
      assert.deepEqual(await said(post(args("ann@customer.example"), bearer)), [202, undefined]);
      assert.deepEqual(drafts, ["/drafts"]);
      assert.deepEqual(await said(post(args("eve@evil.example"), bearer)), [403, "constraint.email_domain"]);
      assert.deepEqual(await said(post(args("ann@customer.example"), {})), [401, "token.missing"]);
      assert.deepEqual(await said(post("{not json", bearer)), [400, "request.syntax"]);
      assert.deepEqual(await said(post(args("ann@customer.example"), { authorization: `DPoP ${good}`, dpop: "a.b.c" })), [401, "possession.malformed"]);
      assert.equal(drafts.length, 1, "what was refused went nowhere");
      // A proof is taken once, also of two that come at once; and the store knows it in the next isolate.
      const { keys, prove } = await agent();
      const bound = await token(request, { aud: ["https://mail.acme.example"], cnf: { jwk: await publicJwk(keys) } });
      const proof = await prove(bound, args("ann@customer.example"), `${worker}/c-7`);
      const shown = post(args("ann@customer.example"), { authorization: `DPoP ${bound}`, dpop: proof });
      const both = await Promise.all([said(shown), said(shown)]);
      assert.deepEqual(both.map(([status]) => status).sort(), [202, 401]);
      assert.deepEqual(await said(shown), [401, "possession.used"]);
      const other = post(args("ann@customer.example"), { authorization: `DPoP ${bound}`, dpop: await prove(bound, args("bob@customer.example"), `${worker}/c-7`) });
      assert.equal((await said(other))[0], 401, "a proof is for one call");
      assert.equal(drafts.length, 2);
    });
  });
});

test("the README's program for Node", { skip }, async () => {
  for (const name of ["policy.bundle", "policy.wasm.dsse.json", "keys.json", "request.json"]) {
    await copyFile(join(fixture, name), project.place(name));
  }
  const { transform } = await load("esbuild");
  await project.write("readme.mjs", (await transform((await snippets()).node, { loader: "ts" })).code);
  await project.write("clock.mjs", `Date.now = () => ${NOW}000;`);
  assert.equal(await said("node", ["--import", "./clock.mjs", "readme.mjs"]), "act");
});

/** The packages of others lie beside the project, not in it. */
const load = (name) => import(pathToFileURL(createRequire(join(tools, "package.json")).resolve(name)));
const page = (script) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>…</title><script type="module" src="${script}"></script></html>`;
const PAGE = (name) => `
import { decide } from "./${name}.mjs";
decide().catch(String).then((outcome) => {
  document.title = outcome;
  document.documentElement.dataset.ready = "yes";
});`;

test("Node, through a bundler that leaves the wasm behind", { skip }, async () => {
  const { build } = await load("esbuild");
  const outfile = project.place("bundled/program.mjs");
  await build({ entryPoints: [project.place("run-decide.mjs")], outfile, bundle: true, format: "esm", platform: "node", logLevel: "silent" });
  assert.equal(await said("node", [outfile]), "ok");
});

test("the service worker of an extension", { skip: skip || noBrowser }, async () => {
  const folder = project.place("extension");
  await cp(project.place("node_modules/@ambit/evaluator"), join(folder, "evaluator"), { recursive: true });
  await cp(project.place("world.mjs"), join(folder, "world.mjs"));
  await project.write("extension/decide.mjs", decide("./evaluator/index.js"));
  await project.write("extension/background.js", 'import { decide } from "./decide.mjs";\nglobalThis.decide = decide;');
  await project.write("extension/manifest.json", JSON.stringify({
    manifest_version: 3, name: "Ambit", version: "1", background: { service_worker: "background.js", type: "module" },
    content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'" },
  }));
  const worker = await extension(folder, project.place("profile"));
  try {
    assert.equal(await worker.evaluate(() => globalThis.decide().catch(String)), "ok");
  } finally {
    await worker.close();
  }
});

const BUNDLERS = {
  async esbuild(folder) {
    const { build } = await load("esbuild");
    await build({ entryPoints: [project.place("page-inlined.mjs")], outfile: join(folder, "page.js"), bundle: true, format: "esm", logLevel: "silent" });
    await project.write("esbuild/index.html", page("page.js"));
  },
  async rollup(folder) {
    const [{ rollup }, { nodeResolve }] = await Promise.all([load("rollup"), load("@rollup/plugin-node-resolve")]);
    const bundle = await rollup({ input: project.place("page-inlined.mjs"), plugins: [nodeResolve({ browser: true })] });
    await bundle.write({ file: join(folder, "page.js"), format: "es" });
    await bundle.close();
    await project.write("rollup/index.html", page("page.js"));
  },
  async vite(folder) {
    const { build } = await import(pathToFileURL(tool("vite/dist/node/index.js")));
    await project.write("index.html", page("./page-decide.mjs"));
    await build({ root: project.folder, base: "./", logLevel: "silent", configFile: false, build: { outDir: folder, emptyOutDir: false, assetsDir: "" } });
  },
  async webpack(folder) {
    const { default: webpack } = await load("webpack");
    const stats = await new Promise((done, fail) =>
      webpack({
        mode: "production", context: project.folder, entry: project.place("page-decide.mjs"), target: "web",
        output: { path: folder, filename: "page.js", assetModuleFilename: "[name][ext]" },
      }, (error, stats) => (error ? fail(error) : done(stats))));
    assert.equal(stats.hasErrors(), false, stats.toString());
    await project.write("webpack/index.html", page("page.js"));
  },
};

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  test(`a page through ${name}`, { skip: skip || noBrowser }, async () => {
    for (const entry of ["decide", "inlined"]) await project.write(`page-${entry}.mjs`, PAGE(entry));
    const folder = project.place(name);
    await mkdir(folder, { recursive: true });
    await bundle(folder);
    const browser = await Browser.start({ "": folder }, { "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" });
    try {
      const opened = await browser.open("index.html");
      assert.equal(await opened.title(), "ok");
    } finally {
      await browser.close();
    }
  });
}
