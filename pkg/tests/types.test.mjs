// The types of the packed package, strictly and in every surrounding; and what others say of how it is packed.

import assert from "node:assert/strict";
import { copyFile, cp, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { fixture, here } from "./browser.mjs";
import { Project, run, skip, snippets, tool, tools } from "./packed.mjs";

let project;

before(async () => {
  if (skip) return;
  project = await Project.make();
  await cp(join(here, "types"), project.place("types"), { recursive: true });
  await copyFile(join(fixture, "keys.json"), project.place("types/keys.json"));
  for (const [name, program] of Object.entries(await snippets())) await project.write(`types/readme-${name}.ts`, program);
});

after(() => project?.remove());

/** What the compiler says of these files. */
function complaints(files, { resolution, lib, types }) {
  const ts = createRequire(join(tools, "package.json"))("typescript");
  const options = {
    strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true, skipLibCheck: false,
    verbatimModuleSyntax: true, resolveJsonModule: true, target: ts.ScriptTarget.ES2022, lib: lib.map((name) => `lib.${name}.d.ts`), types,
    module: resolution === "nodenext" ? ts.ModuleKind.NodeNext : ts.ModuleKind.ESNext,
    moduleResolution: resolution === "nodenext" ? ts.ModuleResolutionKind.NodeNext : ts.ModuleResolutionKind.Bundler,
    // Of the package alone: the others' types are theirs.
    typeRoots: [tool("@types")],
  };
  const program = ts.createProgram(files.map((name) => project.place("types", name)), options);
  const own = ts.getPreEmitDiagnostics(program).filter(({ file }) => file === undefined || !file.fileName.startsWith(tools));
  return own.map((one) => `${one.file?.fileName.split("/").slice(-2).join("/")}: ${ts.flattenDiagnosticMessageText(one.messageText, " ")}`);
}

const AROUND = {
  "the DOM": { files: ["use.ts", "dom.ts", "readme-page.ts", "readme-agent.ts"], lib: ["es2022", "dom", "dom.iterable"], types: [] },
  "Node's types alone": { files: ["use.ts", "readme-node.ts", "readme-agent.ts"], lib: ["es2022"], types: ["node"] },
  "Cloudflare's types": { files: ["use.ts", "worker.ts", "readme-worker.ts"], lib: ["es2022"], types: [tools && tool("@cloudflare/workers-types/index.d.ts")] },
};
for (const [name, { files, ...around }] of Object.entries(AROUND)) {
  for (const resolution of ["bundler", "nodenext"]) {
    test(`types with ${name}, resolved as for ${resolution}`, { skip }, () => {
      assert.deepEqual(complaints(files, { ...around, resolution }), []);
    });
  }
}

test("the README's worker is the example, and of at most 25 lines", { skip }, async () => {
  const { worker } = await snippets();
  assert.equal(worker, await readFile(join(here, "../examples/worker/worker.ts"), "utf8"));
  assert.ok(worker.trim().split("\n").length <= 25);
});

test("publint finds nothing", { skip }, async () => {
  await run(tool(".bin/publint"), ["run", project.tarball, "--strict"]);
});

test("are the types wrong: no", { skip }, async () => {
  const others = ["evaluator.wasm", "host.wasm", "advice.wasm", "package.json"];
  await run(tool(".bin/attw"), [project.tarball, "--profile", "esm-only", "--exclude-entrypoints", ...others, "--no-emoji", "--no-color"]);
});

test("nothing is packed that is not published, and nothing is needed besides", { skip }, async () => {
  const listed = (await run("tar", ["tzf", project.tarball])).trim().split("\n");
  const odd = listed.filter((name) => !/^package\/(?:stores\/)?[\w-]+(?:\.d\.ts|\.js|\.wasm)$|^package\/(?:LICENSE|README\.md|abi\.md|package\.json)$/.test(name));
  assert.deepEqual(odd, []);
  const { dependencies, peerDependencies, scripts } = JSON.parse(await readFile(project.place("node_modules/@ambit/evaluator/package.json"), "utf8"));
  assert.deepEqual([dependencies, peerDependencies, scripts], [undefined, undefined, undefined]);
});
