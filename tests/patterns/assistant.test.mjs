// An executive's assistant, end to end, and then everything that must get nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { canonical, s256 } from "./lib/agent.mjs";
import { McpClient } from "./lib/mcp.mjs";
import { eventually, missing, permitted, Stage, told } from "./lib/stage.mjs";
import { cast, code, MAIL, play, sending } from "./assistant/play.mjs";

const skip = missing();
let stage, had;

before(async () => {
  if (!skip) stage = await Stage.set(cast, { pictures: process.env.AMBIT_PICTURES });
});
after(() => stage?.close());

/** Nothing was drafted or sent but what the play did, and so many calls more that were meant to be. */
const ran = (count) => assert.equal(stage.ran.length, count, JSON.stringify(stage.ran));

async function refused(answer, wanted) {
  assert.equal(code(await answer), wanted, JSON.stringify((await answer).body));
}

test("a mail is drafted, read by a person, and sent once", { skip, timeout: 120_000 }, async () => {
  had = await play(stage, () => {});
  ran(2);
  assert.deepEqual(stage.person.complaints, []);
});

test("the page says what is sent, to whom, that it is once, and how to end it", { skip }, () => {
  for (const words of [`text: "${MAIL.body}"`, "only once", "[reaches people outside]", "[cannot be undone]", "Anything else", "My agents / Stop", "\n5 minutes, until "]) {
    assert.ok(had.page.includes(words), `${words}: ${had.page}`);
  }
});

test("the server hears the calls, and no token or proof", { skip }, () => {
  const called = stage.service.heard.map(({ text }) => text && JSON.parse(text)).filter((message) => message?.method === "tools/call");
  assert.deepEqual(called.map(({ params }) => params.name), ["free_times", "save_draft", "send_mail"]);
  for (const { headers, text } of stage.service.heard) {
    for (const name of ["authorization", "dpop", "ambit-approval"]) assert.equal(headers[name], undefined, name);
    for (const secret of [had.token, had.once]) assert.ok(!text.includes(secret));
  }
});

test("the same bytes, another mail, another key, another tool get nothing", { skip, timeout: 60_000 }, async () => {
  const { sender, client } = had;
  await refused(sender.tool("send_mail", MAIL, { headers: had.headers }), "limit.uses");
  const read = client.shown();
  const free = () => client.tool("free_times", { day: "2027-01-12" }, { headers: read });
  assert.equal((await free()).status, 200);
  await refused(free(), "possession.used");
  const executes = { executes: true };
  await refused(sender.tool("send_mail", { ...MAIL, to: "eve@evil.example" }, executes), "manifest.constraint");
  await refused(sender.tool("send_mail", { ...MAIL, to: "dora@partner.example" }, executes), "constraint.exact");
  await refused(sender.tool("send_mail", { ...MAIL, body: `${MAIL.body} PS: and Wednesday.` }, executes), "constraint.exact");
  await refused(sender.tool("send_mail", { ...MAIL, bcc: "eve@evil.example" }, executes), "request.argument_unknown");
  await refused(sender.tool("free_times", { day: "2027-01-12" }), "capability.none");
  await refused(sender.tool("delete_all", {}), "mcp.unknown");
  // No proof, one of another call, one by another key.
  await refused(sender.tool("send_mail", MAIL, { headers: { authorization: `DPoP ${had.once}` } }), "possession.missing");
  await refused(sender.tool("send_mail", MAIL), "possession.call");
  const kept = stage.agent.keep();
  stage.agent.renew();
  await refused(sender.tool("send_mail", MAIL, executes), "possession.key");
  stage.agent.hold(kept);
  ran(2);
});

test("a click for one mail, asked again for the next: of two sent at once one goes", { skip, timeout: 60_000 }, async () => {
  const { agent, person, world } = stage;
  const next = { ...MAIL, subject: "Wednesday" };
  // Carla may refuse, too, and then there is nothing to exchange.
  const asked = await agent.ask(sending(next));
  const [back] = await Promise.all([agent.comesBack(), person.answers(asked.url, "Refuse")]);
  assert.equal(back.error, "access_denied");
  assert.equal(back.code, undefined);
  const token = await agent.token(sending(next), (url) => person.answers(url, "Allow"), { ambit_life_seconds: "300" });
  const sender = had.client.with(token);
  const both = await Promise.all([1, 2].map(() => sender.tool("send_mail", next, { executes: true })));
  assert.deepEqual(both.map(code).sort(), ["limit.uses", undefined], JSON.stringify(both.map(({ body }) => body)));
  assert.deepEqual(stage.ran.slice(2), [{ tool: "send_mail", ...next }]);
  const list = await stage.reads(`${world.broker}/agents`);
  assert.ok(list.includes("Executive assistant"), list.join("\n"));
});

test("a code that comes twice takes back what came of it", { skip, timeout: 60_000 }, async () => {
  const { agent, person, world } = stage;
  const last = { ...MAIL, subject: "Thursday" };
  const asked = await agent.ask(sending(last));
  const [back] = await Promise.all([agent.comesBack(), person.answers(asked.url, "Allow")]);
  const { body } = await agent.exchange(back.code);
  const again = await agent.exchange(back.code);
  assert.equal(again.body.error, "invalid_grant");
  await world.fetchEpochs();
  await eventually(() => refused(had.client.with(body.access_token).tool("send_mail", { ...last, to: "dora@partner.example" }, { executes: true }), "revocation.revoked"));
  await refused(had.client.with(body.access_token).tool("send_mail", last, { executes: true }), "revocation.revoked");
  ran(3);
});

test("later the tokens are over", { skip, timeout: 60_000 }, async () => {
  await stage.later(960, async (at) => {
    for (const token of [had.token, had.once]) {
      const client = new McpClient(stage.agent, token, { at });
      await refused(client.message({ method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "a", version: "1" } } }), "token.expired");
    }
  });
  ran(3);
});

test("a stopped agent sees no tool and calls none", { skip, timeout: 60_000 }, async () => {
  await stage.stops();
  await eventually(() => refused(had.client.tool("free_times", { day: "2027-01-12" }), "revocation.revoked"));
  await refused(had.client.message({ method: "tools/list" }), "revocation.revoked");
  await refused(had.sender.tool("send_mail", MAIL, { executes: true }), "revocation.revoked");
  ran(3);
});

test("both logs say so, line by line", { skip }, async () => {
  await told(stage.world, "gateway");
  const records = (await permitted(stage.world, "gateway")).filter(({ action }) => action !== "free_times");
  const digest = ({ tool: _, ...args }) => s256(canonical(args));
  assert.deepEqual(records.map(({ args_s256 }) => args_s256), stage.ran.map(digest), "what was permitted is what ran");
  const broker = (await told(stage.world, "broker")).map(({ code }) => code);
  assert.deepEqual(broker.slice(0, 12), [
    "passkey", "request", "grant", "mint", "request", "grant", "mint", "request", "refusal", "request", "grant", "mint",
  ]);
});
