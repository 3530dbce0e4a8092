// Workers in workerd, bundled as wrangler would.

import { spawn } from "node:child_process";
import { cp, mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { fixture } from "./browser.mjs";
import { NOW, tools } from "./packed.mjs";

const WASM = ["evaluator", "host", "advice"].map((name) => `${name}.wasm`);
/** Each worker's clock stands at the fixture's time, which is over since, unless a request says another. */
const CLOCK = `globalThis.testNow = ${NOW}; Date.now = () => globalThis.testNow * 1000;`;

/**
 * Starts workers, each an isolate of its own with `{ source, variables }`, which share the Durable Object of the first.
 * Calls `body` with a function that asks one of them, the origin of each, and what they have written so far.
 */
export async function workers(project, folder, all, body) {
  await mkdir(project.place(folder), { recursive: true });
  const { build } = await import(pathToFileURL(createRequire(join(tools, "package.json")).resolve("esbuild")));
  for (const file of WASM) await cp(project.place("node_modules/@ambit/evaluator", file), project.place(folder, file));
  const names = Object.keys(all);
  for (const [name, { source }] of Object.entries(all)) {
    await project.write(`${folder}-${name}.ts`, source);
    await build({
      entryPoints: [project.place(`${folder}-${name}.ts`)], outfile: project.place(folder, `${name}.js`), bundle: true, format: "esm",
      target: "es2022", conditions: ["workerd", "worker", "browser"], external: ["*.wasm"], logLevel: "silent", banner: { js: CLOCK },
    });
  }
  const defined = Object.entries(all).map(([name, { variables = {} }], at) => {
    const modules = [`(name = "worker.js", esModule = embed "${name}.js")`, ...WASM.map((file) => `(name = "${file}", wasm = embed "${file}")`)];
    const objects = at === 0 ? `durableObjectNamespaces = [(className = "AmbitStore", uniqueKey = "ambit")], durableObjectStorage = (inMemory = void),` : "";
    const store = `(className = "AmbitStore", serviceName = "${names[0]}")`;
    const texts = Object.entries(variables).map(([name, text]) => `(name = "${name}", text = "${text}")`);
    return `(name = "${name}", worker = (modules = [${modules.join(", ")}], compatibilityDate = "2026-01-01", ${objects}
  bindings = [${[`(name = "AMBIT", durableObjectNamespace = ${store})`, ...texts].join(", ")}]))`;
  });
  const sockets = names.map((name) => `(name = "${name}", address = "127.0.0.1:0", http = (), service = "${name}")`);
  await project.write(`${folder}/config.capnp`, `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${defined.join(",\n")}, (name = "internet", network = (allow = ["private"]))],
  sockets = [${sockets.join(", ")}]);`);
  // The program itself: what npm installs as `workerd` is a script around it.
  const program = createRequire(join(tools, "package.json"))("workerd").default;
  const child = spawn(program, ["serve", "config.capnp", "--control-fd=3"], { cwd: project.place(folder), stdio: ["ignore", "pipe", "pipe", "pipe"] });
  let [words, written, control] = ["", "", ""];
  child.stderr.on("data", (more) => (words += more));
  child.stdout.on("data", (more) => (written += more));
  try {
    const origins = await new Promise((done, fail) => {
      child.on("exit", () => fail(new Error(words)));
      child.stdio[3].on("data", (more) => {
        control += more;
        const told = control.split("\n").slice(0, -1).map((line) => JSON.parse(line)).filter(({ event }) => event === "listen");
        if (told.length === names.length) done(Object.fromEntries(told.map(({ socket, port }) => [socket, `http://127.0.0.1:${port}`])));
      });
    });
    const ask = (name, path, init) => fetch(origins[name] + path, { signal: AbortSignal.timeout(30_000), ...init });
    await body(ask, origins, () => written + words);
  } finally {
    child.kill();
  }
}

/** What the README's worker asks: the policy, and the service behind it. */
export async function services(body) {
  const drafts = [];
  const server = createServer(async ({ url, method }, told) => {
    if (method === "POST") drafts.push(url);
    const bytes = method === "GET" && (await readFile(join(fixture, url.slice(1))).catch(() => undefined));
    told.writeHead(method === "POST" ? 202 : bytes ? 200 : 404).end(bytes || "");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    await body(`http://127.0.0.1:${server.address().port}`, drafts);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
