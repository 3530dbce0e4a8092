// The README's programs for an agent, for a person's device and for a page, run as they stand with the packed package.
// Those for Node and for a worker are run in `runtimes.test.mjs`.

import assert from "node:assert/strict";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { Browser, fixture, here, skip as noBrowser } from "./browser.mjs";
import { decoded } from "./mint.mjs";
import { NOW, Project, run, skip, snippets, tools } from "./packed.mjs";

let project, esbuild;

before(async () => {
  if (skip) return;
  project = await Project.make();
  for (const name of ["policy.bundle", "policy.wasm.dsse.json", "keys.json", "request.json"]) await copyFile(join(fixture, name), project.place(name));
  for (const [name, program] of Object.entries(await snippets())) await project.write(`readme-${name}.ts`, program);
  esbuild = await import(pathToFileURL(createRequire(join(tools, "package.json")).resolve("esbuild")));
});

after(() => project?.remove());

const bundled = (entry, outfile, platform) =>
  esbuild.build({ entryPoints: [project.place(entry)], outfile, bundle: true, format: "esm", platform, packages: platform === "node" ? "external" : "bundle", logLevel: "silent" });

/** An agent, its sub-agent and a person on one side, a service that asks the policy on the other. */
const PARTIES = `
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { load, memory, shown } from "@ambit/evaluator";
import { createKeys, publicJwk } from "@ambit/evaluator/holder";
import { approve, narrow, send } from "./readme-agent.ts";
import { decoded, seeded, token } from ${JSON.stringify(pathToFileURL(join(here, "mint.mjs")).href)};

const policyOf = async () => load("policy.bundle", await readFile("keys.json", "utf8"), { uid: "acme/agents", store: memory() });
const [agents, services] = [await policyOf(), await policyOf()];
const audience = "https://mail.acme.example";
const call = { action: "email", power: "draft", purpose: "contract-renewal", resource: { type: "customer-contact", id: "c-7" } };
const server = createServer(async (asked, answer) => {
  let args = "";
  for await (const piece of asked) args += piece;
  const { facts, ...papers } = shown(new Request("http://" + asked.headers.host + asked.url, { method: asked.method, headers: asked.headers }));
  const verdict = await services.enforce({ ...papers, ...call, args, facts: { ...facts, audience, location: audience } });
  answer.writeHead(verdict.permitted ? 200 : verdict.http.status).end(verdict.permitted ? "" : verdict.answer.context.reason.code);
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));

const [keys, next] = [await createKeys(), await createKeys()];
const request = JSON.parse(await readFile("request.json", "utf8"));
const whole = await token(request, { aud: [audience], cnf: { jwk: await publicJwk(keys) } });
const args = JSON.stringify({ to: "ann@customer.example", content_type: "text/plain", region: "eu" });
const facts = { audience, location: audience, method: "POST", url: "http://127.0.0.1:" + server.address().port + "/c-7" };
const parts = { ...call, args, token: whole, facts };
const said = async (response) => response.status + " " + (await response.text());
const out = {};
out.sent = await said(await send(agents, parts, keys));
out.stolen = await said(await send(agents, parts, next));

const [entry] = decoded(whole.split(".")[1]).authorization_details;
const narrowed = { ...entry, constraints: { ...entry.constraints, content_type: { constraint_type: "one_of", values: ["text/plain"] } } };
const chain = await narrow(agents, whole, [narrowed], await publicJwk(next), keys);
out.narrowed = await said(await send(agents, { ...parts, token: chain }, next));
out.wider = await said(await send(agents, { ...parts, token: chain, args: args.replace("plain", "html") }, next));

const held = { ...parts, power: "execute", facts: { audience, location: audience } };
const enforce = async (parts, approvals) => {
  const { permitted, answer } = await services.enforce({ ...parts, ...(approvals && { approvals }) });
  return permitted ? "permitted" : answer.context.reason.code;
};
const bare = { ...held, token: await token(request, { aud: [audience] }) };
out.held = await enforce(bare);
const receipt = await approve(agents, bare, "https://approve.acme.example", "user:8f1c2d", { kid: "approve-1", privateKey: await seeded(5) });
out.approved = await enforce(bare, [receipt]);
out.again = await enforce(bare, [receipt]);
server.close();
server.closeAllConnections();
console.log(JSON.stringify(out));
`;

test("the README's agent sends and narrows, and a person's device approves", { skip }, async () => {
  await project.write("parties.ts", PARTIES);
  await project.write("clock.mjs", `Date.now = () => ${NOW}000;`);
  await bundled("parties.ts", project.place("parties.mjs"), "node");
  const said = await run("node", ["--import", "./clock.mjs", "parties.mjs"], { cwd: project.folder });
  const { again, held, stolen, wider, ...good } = JSON.parse(said.trim().split("\n").at(-1));
  assert.deepEqual(good, { sent: "200 ", narrowed: "200 ", approved: "permitted" });
  assert.match(stolen, /^401 possession\./);
  assert.match(wider, /^403 constraint\.one_of/);
  assert.equal(held, "capability.power");
  assert.match(again, /^approval\./);
});

const PAGE = (claims) => `
import { load, memory } from "@ambit/evaluator/inline";
import { file, keys, options, signature } from "./world.mjs";
import { ask } from "./readme-page.ts";

const element = document.body.appendChild(document.createElement("ambit-consent"));
globalThis.answers = [];
const policy = await load({ file, signature }, keys, { ...options, store: memory() });
await ask(policy, ${JSON.stringify(claims)}, element, async (answer) => void globalThis.answers.push(answer));
document.documentElement.dataset.ready = "yes";
`;

test("the README's page asks, describes less anew, and has the answer signed", { skip: skip || noBrowser }, async () => {
  const { token } = JSON.parse(await readFile(join(fixture, "request.json"), "utf8"));
  const folder = project.place("page");
  await mkdir(folder);
  await project.write("page.ts", PAGE(decoded(token.split(".")[1])));
  await bundled("page.ts", join(folder, "page.js"), "browser");
  await project.write("page/index.html", '<!doctype html><html lang="en"><meta charset="utf-8"><title>…</title><body><script type="module" src="page.js"></script></body></html>');
  const browser = await Browser.start({ "": folder }, { "content-security-policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'" });
  try {
    const page = await browser.open("index.html");
    const element = page.locator("ambit-consent");
    const awake = () => page.waitForSelector("ambit-consent:not([data-asleep])");
    const whole = await page.$eval("ambit-consent", ({ consent }) => consent.text);
    await awake();
    await element.locator("[part=less]").click();
    await element.locator("[part=choice] span").first().click();
    await page.waitForFunction((whole) => document.querySelector("ambit-consent").consent.text !== whole, whole);
    await awake();
    await element.locator("[part=approved]").click();
    await page.waitForFunction(() => document.querySelector("ambit-consent").state === "approved");
    const [answers, consent] = await page.$eval("ambit-consent", ({ consent }) => [globalThis.answers, consent]);
    assert.equal(answers.length, 1);
    assert.deepEqual([answers[0].decision, answers[0].text_s256, answers[0].choices.length], ["approved", consent.text_s256, 1]);
  } finally {
    await browser.close();
  }
});
