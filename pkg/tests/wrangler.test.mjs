// The example worker as its author runs it: by `wrangler dev`, with the packed package in an empty project.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFile, cp, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { fixture, here } from "./browser.mjs";
import { token } from "./mint.mjs";
import { NOW, Project, skip as noPackage } from "./packed.mjs";
import { services } from "./workerd.mjs";

const wrangler = process.env.AMBIT_WRANGLER;
const skip = noPackage || (wrangler ? false : "no AMBIT_WRANGLER");

/** Runs it in a folder until `body` has ended; `body` is given where it listens. */
async function dev(folder, variables, body) {
  const texts = Object.entries(variables).flatMap(([name, text]) => ["--var", `${name}:${text}`]);
  const program = join(wrangler, "node_modules/wrangler/bin/wrangler.js");
  const words = ["dev", "clocked.ts", "--port", "0", "--inspector-port", "0", "--ip", "127.0.0.1", "--show-interactive-dev-session=false", ...texts];
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_LOG_PATH: join(folder, "logs"), CI: "1", NO_COLOR: "1" };
  const child = spawn(process.execPath, [program, ...words], { cwd: folder, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  try {
    const at = await new Promise((done, fail) => {
      const hear = (more) => {
        said += more;
        const [, at] = /Ready on (http:\/\/[\d.:]+)/.exec(said) ?? [];
        if (at) done(at);
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.on("exit", () => fail(new Error(said)));
      setTimeout(() => fail(new Error(said)), 60_000).unref();
    });
    await body(at);
  } finally {
    // Its own workerd, too.
    process.kill(-child.pid, "SIGTERM");
    await new Promise((done) => (child.exitCode === null && child.signalCode === null ? child.on("exit", done) : done()));
  }
}

test("the example worker, by `wrangler dev`", { skip, timeout: 180_000 }, async () => {
  const project = await Project.make();
  try {
    await cp(join(here, "../examples/worker"), project.folder, { recursive: true });
    await copyFile(join(fixture, "keys.json"), project.place("keys.json"));
    await symlink(join(wrangler, "node_modules/wrangler"), project.place("node_modules/wrangler"));
    // The fixture's policy has ended since.
    await project.write("clock.js", `Date.now = () => ${NOW}000;`);
    await project.write("clocked.ts", 'import "./clock.js";\nexport * from "./worker.ts";\nexport { default } from "./worker.ts";');
    const request = JSON.parse(await readFile(join(fixture, "request.json"), "utf8"));
    const authorization = `DPoP ${await token(request, { aud: ["https://mail.acme.example"] })}`;
    await services(async (origin, drafts) => {
      await dev(project.folder, { POLICY: `${origin}/policy.bundle`, EPOCHS: `${origin}/epochs`, UPSTREAM: `${origin}/drafts` }, async (at) => {
        const said = async (to, headers) => {
          const answer = await fetch(`${at}/c-7`, { method: "POST", body: JSON.stringify({ to, content_type: "text/plain", region: "eu" }), headers, signal: AbortSignal.timeout(30_000) });
          return [answer.status, (await answer.json().catch(() => ({}))).code];
        };
        assert.deepEqual(await said("ann@customer.example", { authorization }), [202, undefined]);
        assert.deepEqual(await said("eve@evil.example", { authorization }), [403, "constraint.email_domain"]);
        assert.deepEqual(await said("ann@customer.example", {}), [401, "token.missing"]);
      });
      assert.deepEqual(drafts, ["/drafts"]);
    });
  } finally {
    await project.remove();
  }
});
