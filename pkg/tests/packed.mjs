// The package as `npm pack` makes it, installed in an empty project; and the tools of others beside it.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { fixture, npm } from "./browser.mjs";

const execute = promisify(execFile);

/** A folder with the packages of `tools/package.json`, where `cargo xtask test` put them. */
export const tools = process.env.AMBIT_RUNTIMES;
// What is packed is the same for both builds, so the small one's turn is enough.
export const skip = fixture && tools && process.env.AMBIT_SMALL ? false : "no AMBIT_RUNTIMES, or not the small build";
export const tool = (...path) => join(tools, "node_modules", ...path);
/** When the fixture's policy holds. */
export const NOW = 1772000400;

/** Runs a program; what it says on failure is part of the error. */
export async function run(program, words, options = {}) {
  try {
    const { stdout, stderr } = await execute(program, words, { timeout: 60_000, maxBuffer: 2 ** 24, ...options });
    return stdout + stderr;
  } catch (error) {
    throw new Error(`${program} ${words.join(" ")}: ${error.message}\n${error.stdout}\n${error.stderr}`);
  }
}

export class Project {
  static async make() {
    const made = new Project();
    made.folder = await mkdtemp(join(tmpdir(), "ambit-packed-"));
    await run("npm", ["pack", "--silent", "--pack-destination", made.folder], { cwd: npm });
    made.tarball = join(made.folder, (await readdir(made.folder)).find((name) => name.endsWith(".tgz")));
    await made.write("package.json", '{"name":"used","private":true,"type":"module"}');
    await run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--no-save", made.tarball], { cwd: made.folder });
    await made.write("world.mjs", await world());
    return made;
  }

  place(...path) {
    return join(this.folder, ...path);
  }

  async write(name, content) {
    await writeFile(this.place(name), content);
    return this.place(name);
  }

  remove() {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** The programs of the README, each by the word behind its language. */
export async function snippets() {
  const text = await readFile(join(npm, "README.md"), "utf8");
  const found = [...text.matchAll(/^```ts (\w+)\n(.*?)^```$/gms)].map(([, name, program]) => [name, program]);
  const others = [...text.matchAll(/^```(\w.*)$/gm)].filter(([, kind]) => !kind.startsWith("ts "));
  if (others.length > 0) throw new Error(`the README has a program that nobody runs: ${others[0][0]}`);
  return Object.fromEntries(found);
}

/** The fixture as a script, for those who may read no files. */
async function world() {
  const base64 = async (name) => JSON.stringify((await readFile(join(fixture, name))).toString("base64"));
  const text = async (name) => JSON.stringify(await readFile(join(fixture, name), "utf8"));
  return `
export const file = Uint8Array.from(atob(${await base64("policy.bundle")}), (it) => it.charCodeAt(0));
export const signature = ${await text("policy.wasm.dsse.json")};
export const keys = ${await text("keys.json")};
export const request = ${await text("request.json")};
export const answer = ${await text("answer.json")};
export const options = { uid: "acme/agents", clock: () => ${NOW} };
`;
}

/** What is run everywhere: "ok", or what went wrong. */
export const decide = (entry) => `
import { load, memory } from "${entry}";
import { answer, file, keys, options, request, signature } from "./world.mjs";

export async function decide() {
  const policy = await load({ file, signature }, keys, { ...options, store: memory() });
  if ((await policy.raw("evaluate", request)) !== answer) return "another answer";
  const verdict = await policy.enforce(request);
  if (verdict.permitted !== true) return "refused: " + JSON.stringify(verdict.http);
  const refused = await policy.enforce({ ...JSON.parse(request), token: undefined, proof: "x" }).catch(String);
  if (refused.permitted !== false || refused.response.status !== 400) return "not refused: " + JSON.stringify(refused);
  const { alternatives } = await policy.advise(request);
  if (!Array.isArray(alternatives)) return "no advice";
  const altered = Uint8Array.from(file);
  altered[altered.length - 1] ^= 1;
  const code = await load({ file: altered, signature }, keys, { ...options, store: memory() }).then(() => "loaded", ({ code }) => code);
  return code === "module.altered" ? "ok" : code;
}
`;
