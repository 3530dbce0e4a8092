// What the broker takes, beside npm `oidc-provider`: `node broker.mjs AMBIT BROWSER PEER`, the command, the folder with
// `playwright-core`, and that with `oidc-provider`. AMBIT_GRANTS is how many grants there are at the end (2,000 unless it
// says otherwise). Prints a JSON line for each figure.
//
// Codes come from people's answers, and count for a minute; so some are made, and then all are exchanged at once, with
// assertions and proofs that were signed before, eight requests at a time. The load comes from the same two cores.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";

import { Agent } from "../patterns/lib/agent.mjs";
import { Person } from "../patterns/lib/person.mjs";
import { World } from "../patterns/lib/world.mjs";
import { cast, shift } from "../patterns/support/play.mjs";
import { ask, FORM, Jar, load, quantile } from "./broker/load.mjs";

const [command, browser, peerFolder] = process.argv.slice(2);
const GRANTS = Number(process.env.AMBIT_GRANTS ?? 2000);
/** Codes that are made before they are exchanged: fewer than what can be made in a minute. */
const ROUND = Math.min(250, GRANTS);
const AT_ONCE = 8;
/** One client asks for everything. */
const UNLIMITED = "\n[limits]\nclient_per_minute = 0\nperson_per_minute = 0\n";

const row = (engine, what, unit, median) => console.log(JSON.stringify({ engine, what, unit, median }));

/** Exchanges rounds of codes, and says how fast. `code()` makes one; `agent` is who asks. */
async function exchanges(engine, agent, grants, code) {
  const all = [];
  let seconds = 0, making = 0;
  for (let made = 0; made < grants; made += ROUND) {
    const forms = [];
    making += (await load(Array(Math.min(ROUND, grants - made)).fill(), AT_ONCE, async () => forms.push(await code()))).seconds;
    const signed = forms.map((form) => ({
      headers: { ...FORM, dpop: agent.proof("POST", agent.token_endpoint, { nonce: agent.nonce }) },
      body: new URLSearchParams({ ...form, client_assertion: agent.assertion() }).toString(),
    }));
    const round = await load(signed, AT_ONCE, async ({ headers, body }) => {
      const answer = await ask("POST", agent.token_endpoint, headers, body);
      assert.equal(answer.status, 200, answer.text);
      agent.nonce = answer.headers["dpop-nonce"] ?? agent.nonce;
    });
    seconds += round.seconds;
    all.push(...round.took);
  }
  all.sort((a, b) => a - b);
  row(engine, "token requests, eight at a time", "per second", Math.round(grants / seconds));
  row(engine, "token request, median", "ns", quantile(all, 0.5) * 1e6);
  row(engine, "token request, 99 of 100 within", "ns", quantile(all, 0.99) * 1e6);
  row(engine, "whole code grants: PAR, page, answer, code, token", "per second", Math.round(grants / (seconds + making)));
}

const exchange = (agent, code) => ({
  grant_type: "authorization_code", code, redirect_uri: agent.redirect, code_verifier: agent.verifier,
  client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
});

/** What is pushed, by each with the words of the other as far as they are the same. */
async function push(agent, url, more) {
  const told = await agent.post(url, { client_id: agent.id, response_type: "code", redirect_uri: agent.redirect, state: "s",
    code_challenge: agent.challenge, code_challenge_method: "S256", ...more });
  assert.equal(told.status, 201, JSON.stringify(told.body));
  return new URLSearchParams({ client_id: agent.id, request_uri: told.body.request_uri });
}

async function broker() {
  const world = await World.make(command, cast.folder, { ...cast.agent, limits: UNLIMITED });
  let person;
  try {
    await world.serve();
    const child = world.running[0];
    const agent = new Agent(world.agent, world.path("keys/client.jwk"));
    agent.token_endpoint = `${world.broker}/token`;
    person = await Person.sitDown(browser);
    await person.enrol(world.invitation(cast.person));
    await agent.token(shift(), (url) => person.answers(url, "Allow"));
    await page(agent, person);
    const cookies = await person.page.context().cookies();
    const jar = new Jar(Object.fromEntries(cookies.map(({ name, value }) => [name, value])));
    const details = JSON.stringify(shift());
    const field = (text, name) => text.split(`name="${name}" value="`)[1].split('"')[0];
    row("broker", "memory before", "bytes", await memory(child.pid));
    await exchanges("broker", agent, GRANTS, async () => {
      const query = await push(agent, "/par", { authorization_details: details });
      const opened = await jar.ask("GET", `${world.broker}/authorize?${query}`);
      const shown = await jar.ask("GET", new URL(opened.headers.location, world.broker).href);
      const body = new URLSearchParams({ r: field(shown.text, "r"), csrf: field(shown.text, "csrf"), text: field(shown.text, "text"), answer: "allow" });
      const back = await jar.ask("POST", `${world.broker}/consent`, { ...FORM, origin: world.broker }, body.toString());
      return exchange(agent, new URL(back.headers.location).searchParams.get("code"));
    });
    row("broker", `memory at ${GRANTS + 1} grants`, "bytes", await memory(child.pid));
  } finally {
    await person?.close();
    await world.close();
  }
}

async function memory(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
}

/** The consent page: what comes over the wire, and when there is something to see. */
async function page(agent, person) {
  const painted = [];
  let most = 0;
  for (let at = 0; at < 9; at += 1) {
    const { url } = await agent.ask(shift());
    let bytes = 0;
    const count = async (answer) => (bytes += (await answer.body().catch(() => "")).length);
    person.page.on("response", count);
    await person.page.goto(url);
    await person.page.waitForLoadState("networkidle");
    person.page.off("response", count);
    const first = () => performance.getEntriesByType("paint").find(({ name }) => name === "first-contentful-paint")?.startTime;
    // The style is kept after the first time.
    most = Math.max(most, bytes);
    painted.push(await person.page.evaluate(first));
    await person.click("Refuse").catch(() => undefined);
  }
  row("broker", "consent page, in all", "bytes", most);
  row("broker", "consent page, first paint (Chromium, from the link)", "ns", quantile(painted.sort((a, b) => a - b), 0.5) * 1e6);
}

async function peer() {
  const world = await World.make(command, cast.folder, { ...cast.agent, limits: UNLIMITED });
  const jwk = await world.read("keys/client.pub.jwk");
  const child = spawn("node", [new URL("broker/peer.mjs", import.meta.url).pathname, peerFolder, world.agent.redirect, jwk], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const issuer = await new Promise((done, failed) => {
      child.stdout.once("data", (line) => done(String(line).trim()));
      child.once("exit", () => failed(new Error("the peer does not start")));
    });
    const agent = new Agent({ ...world.agent, id: "agent", broker: issuer }, world.path("keys/client.jwk"));
    agent.token_endpoint = `${issuer}/token`;
    const jar = new Jar();
    agent.prepare();
    const code = async () => {
      let url = `${issuer}/auth?${await push(agent, "/request", { scope: "openid" })}`;
      // The first time by way of the login, which one browser does once.
      for (let hop = 0; !url.startsWith(agent.redirect); hop += 1) {
        assert.ok(hop < 6, url);
        url = new URL((await jar.ask("GET", url)).headers.location, issuer).href;
      }
      return exchange(agent, new URL(url).searchParams.get("code"));
    };
    await code();
    await exchanges("oidc-provider", agent, Math.min(GRANTS, 2000), code);
  } finally {
    child.kill();
    await world.close();
  }
}

await broker();
if (peerFolder) await peer();
