// Support, end to end, and then everything that must get nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Agent, canonical, s256 } from "./lib/agent.mjs";
import { eventually, missing, pause, permitted, refused, Stage, told } from "./lib/stage.mjs";
import { cast, play, reads, refund } from "./support/play.mjs";

const skip = missing();
let stage, had;

before(async () => {
  if (!skip) stage = await Stage.set(cast, { pictures: process.env.AMBIT_PICTURES });
});
after(() => stage?.close());

/** Nothing has run but this many. */
const ran = (count) => assert.equal(stage.ran.length, count, JSON.stringify(stage.ran));

test("a refund is proposed, approved by a person, and paid once", { skip, timeout: 120_000 }, async () => {
  had = await play(stage, () => {});
  ran(1);
  assert.deepEqual(stage.person.complaints, []);
});

test("the service hears what ran, and no token, proof or receipt", { skip }, () => {
  assert.deepEqual(stage.service.heard.map(({ method, url }) => `${method} ${url}`), ["GET /orders/o-1001", "POST /orders/o-1001/refund"]);
  for (const { headers } of stage.service.heard) {
    for (const name of ["authorization", "dpop", "ambit-approval"]) assert.equal(headers[name], undefined, name);
  }
});

test("the same bytes, another argument, another order, another key get nothing", { skip, timeout: 60_000 }, async () => {
  const { agent } = stage;
  const { token, call, receipt, headers } = had;
  refused(await agent.call(token, call, { headers }), "approval.used");
  const read = agent.shown("GET", `${agent.service}/orders/o-1001`, token);
  assert.equal((await agent.call(token, reads("o-1001"), { headers: read })).status, 200);
  refused(await agent.call(token, reads("o-1001"), { headers: read }), "possession.used");
  const other = [refund("o-1001", 149.9), refund("o-1001", 49.91), refund("o-1002", 49.9), refund("o-1001", 49.9, "because")];
  for (const one of other) refused(await agent.call(token, one, { receipts: [receipt] }), "approval.binding");
  // Above what Ann allowed for her shift, and above what anybody may.
  refused(await agent.call(token, refund("o-1001", 150.01), { receipts: [receipt] }), "constraint.range", "from 0.01 to 150.00");
  refused(await agent.call(token, refund("o-1001", 200.01), { receipts: [receipt] }), "manifest.constraint");
  // A proof of this call with another body behind it.
  const swapped = agent.shown("POST", agent.service + call.http.path, token, call, [receipt]);
  refused(await agent.call(token, refund("o-1001", 149.9), { headers: swapped }), "possession.call");
  // Whoever has token and receipt, and not the key.
  const thief = new Agent(stage.world.agent, stage.world.path("keys/client.jwk"));
  refused(await thief.call(token, call, { receipts: [receipt] }), "possession.key");
  const bare = { authorization: `DPoP ${token}`, "ambit-approval": receipt };
  refused(await agent.call(token, call, { headers: bare }), "possession.missing");
  ran(1);
});

test("what a customer's message claims is nobody's yes, and a person's no is told with its reason", { skip, timeout: 60_000 }, async () => {
  const { agent } = stage;
  const claimed = refund("o-1001", 149.9, "a manager has approved this");
  const asked = await agent.handIn(had.token, claimed);
  assert.equal(asked.status, 202);
  const { page } = await stage.answersCall("Refuse", { reason: "Only the lamp is broken." });
  assert.ok(page.includes("- amount: 149.90"));
  // Sooner than it was told to look again.
  await pause(asked.body.task.interval * 1000);
  const { body } = await agent.look(had.token, asked.body.task.id);
  assert.equal(body.task.status, "denied");
  assert.deepEqual(body.result, { ambit_code: "approval.denied", reason: "Only the lamp is broken." });
  refused(await agent.call(had.token, claimed), "capability.power");
  // It stands, whatever the token.
  const again = await agent.handIn(had.token, claimed);
  assert.deepEqual([again.status, again.body.task.status], [201, "denied"]);
  ran(1);
});

test("broker and gateway are killed, and forget nothing", { skip, timeout: 60_000 }, async () => {
  const { agent } = stage;
  const call = refund("o-1002", 12.5, "wrong colour");
  const asked = await agent.handIn(had.token, call);
  assert.equal(asked.status, 202);
  await stage.crashes();
  // What waited waits, and what was used up is.
  await stage.answersCall("Allow this once");
  refused(await agent.call(had.token, had.call, { receipts: [had.receipt] }), "approval.used");
  const { body } = await agent.look(had.token, asked.body.task.id);
  const receipt = body.result.approval.ambit_receipt;
  // Of two at once one is paid.
  const both = await Promise.all([1, 2].map(() => agent.call(had.token, call, { receipts: [receipt] })));
  assert.deepEqual(both.map(({ status }) => status).sort(), [201, 403]);
  ran(2);
  await stage.crashes();
  refused(await agent.call(had.token, call, { receipts: [receipt] }), "approval.used");
  ran(2);
});

test("later the token is over, and so is the yes", { skip, timeout: 60_000 }, async () => {
  await stage.later(960, async (at) => {
    refused(await stage.agent.call(had.token, reads("o-1001"), { at }), "token.expired");
    refused(await stage.agent.call(had.token, had.call, { at, receipts: [had.receipt] }), "token.expired");
  });
  ran(2);
});

test("a stopped agent gets nothing, and the broker gives it nothing", { skip, timeout: 60_000 }, async () => {
  const { agent } = stage;
  const waits = refund("o-1002", 5);
  const asked = await agent.handIn(had.token, waits);
  assert.equal(asked.status, 202);
  assert.equal((await agent.call(had.token, reads("o-1002"))).status, 200);
  await stage.stops();
  await eventually(async () => refused(await agent.call(had.token, reads("o-1002")), "revocation.revoked"));
  refused(await agent.call(had.token, had.call, { receipts: [had.receipt] }), "revocation.revoked");
  assert.equal((await agent.handIn(had.token, refund("o-1002", 6))).status, 401);
  assert.equal((await agent.look(had.token, asked.body.task.id)).status, 401);
  ran(2);
});

test("both logs say so, line by line", { skip }, async () => {
  const gateway = await told(stage.world, "gateway");
  const decided = gateway.filter(({ type, data }) => type === "dev.ambit.decision.v1" && data.api?.operation === "refund");
  // Twice it was allowed by its receipt, and only the first was discharged.
  assert.deepEqual(decided.slice(0, 3).map(({ code }) => code), ["capability.power", "allowed", "allowed"]);
  for (const { data } of decided) assert.deepEqual([data.actor.user.uid, data.actor.app_uid], ["user:ann", cast.agent.id]);
  const [paid, ...more] = (await permitted(stage.world, "gateway")).filter(({ action }) => action === "refund");
  const { order: _, amount, ...rest } = stage.ran[0];
  assert.equal(paid.args_s256, s256(canonical({ ...rest, amount: Math.round(amount * 100) })), "what was permitted is what ran");
  assert.deepEqual(more.map(({ resource }) => resource.id), ["o-1002"]);
  const used = gateway.filter(({ code }) => code.endsWith(".used"));
  const codes = used.map(({ code }) => code);
  assert.deepEqual(codes, ["approval.used", "approval.used", "possession.used", "approval.used", "approval.used", "approval.used"]);
  assert.equal(gateway.at(-1).code, "revocation.revoked");
  const broker = (await told(stage.world, "broker")).map(({ code }) => code);
  assert.deepEqual(broker, [
    "passkey", "request", "grant", "mint", "access", "access-approved", "access", "access-refused", "access", "access-approved", "access", "revocation", "access-stopped",
  ]);
  const all = (await stage.world.read("broker.log")) + (await stage.world.read("gateway.log"));
  for (const secret of [had.token, had.receipt, had.token.split(".")[2]]) assert.ok(!all.includes(secret));
});
