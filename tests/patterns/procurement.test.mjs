// Procurement, end to end, and then everything that must get nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { canonical, s256 } from "./lib/agent.mjs";
import { eventually, missing, permitted, refused, Stage, told } from "./lib/stage.mjs";
import { cast, order, play, wider } from "./procurement/play.mjs";

const skip = missing();
let stage, had;

before(async () => {
  if (!skip) stage = await Stage.set(cast, { pictures: process.env.AMBIT_PICTURES });
});
after(() => stage?.close());

const ran = (count) => assert.equal(stage.ran.length, count, JSON.stringify(stage.ran));

test("orders within the ceiling, one by a yes, and more by a wider grant", { skip, timeout: 120_000 }, async () => {
  had = await play(stage, () => {});
  ran(3);
  assert.deepEqual(stage.person.complaints, []);
});

/** Calls with the first token, by the key that holds it; then the wider one's key is there again. */
async function first(run) {
  const { agent } = stage;
  const wide = agent.keep();
  agent.hold(had.holder);
  try {
    return await run(agent);
  } finally {
    agent.hold(wide);
  }
}

test("a list of vendors and a ceiling hold to the cent, whatever is asked beside them", { skip, timeout: 60_000 }, async () => {
  const { agent } = stage;
  refused(await agent.call(had.wide, order(900.01, "globex")), "constraint.range", "from 0.01 to 900.00");
  refused(await agent.call(had.wide, order(1000.01, "globex")), "manifest.constraint", "from 0.01 to 1000.00");
  refused(await agent.call(had.wide, order(10, "tea-house")), "constraint.one_of", "paper-mill");
  refused(await agent.call(had.wide, order(10, "Globex")), "manifest.constraint");
  refused(await agent.call(had.wide, order(10, "globex", "a gift card")), "policy.forbid", "An office orders no gift cards.");
  const dollars = order(10, "globex");
  dollars.args.currency = "USD";
  refused(await agent.call(had.wide, dollars), "manifest.constraint");
  // A member beside those that were checked, one twice, and half a cent.
  const more = order(10, "globex");
  more.http.body = { ...more.args, express: true };
  assert.equal((await agent.call(had.wide, more)).body.code, "forward.unmapped");
  const half = order(10, "globex");
  half.args.amount = 10.005;
  assert.equal((await agent.call(had.wide, half)).body.code, "request.number");
  ran(3);
});

test("the budget counts what was ordered, and the yes to one order counts once", { skip, timeout: 60_000 }, async () => {
  await first(async (agent) => {
    refused(await agent.call(had.token, had.large, { receipts: [had.receipt] }), "approval.used");
    refused(await agent.call(had.token, order(760, "globex", "three desks"), { receipts: [had.receipt] }), "approval.binding");
    refused(await agent.call(had.token, order(750, "paper-mill", "three desks"), { receipts: [had.receipt] }), "approval.binding");
    // The wider grant gave this token nothing.
    refused(await agent.call(had.token, order(880, "globex", "a meeting table")), "constraint.range", "from 0.01 to 500.00");
    // 320.00 of 1,500.00 are spent.
    for (const amount of [500, 500, 180]) assert.equal((await agent.call(had.token, order(amount, "paper-mill"))).status, 201);
    ran(6);
    refused(await agent.call(had.token, order(0.01, "paper-mill")), "limit.spend");
  });
  // Another token's key proves nothing of this one.
  refused(await stage.agent.call(had.token, order(1, "globex")), "possession.key");
  ran(6);
});

test("of two orders at once for the rest of a budget one is placed", { skip, timeout: 60_000 }, async () => {
  // 880.00 of 2,000.00 are spent.
  const all = await Promise.all([1, 2, 3].map((at) => stage.agent.call(had.wide, order(800, "globex", `table ${at}`))));
  assert.deepEqual(all.map(({ status }) => status).sort(), [201, 403, 403]);
  ran(7);
});

test("the broker drafts nothing beyond the manifest, and says which", { skip, timeout: 60_000 }, async () => {
  const { agent } = stage;
  for (const asked of [wider(100001), wider(90000, ["globex", "best-toner-deals"])]) {
    const told = await agent.ask(asked);
    assert.deepEqual([told.status, told.body.ambit_code], [400, "broker.wider"], JSON.stringify(told.body));
  }
  const long = await agent.ask(wider(), { ambit_life_seconds: "999999" });
  if (long.url) assert.match(await stage.person.open(long.url), /\n1 hour, until /);
});

test("after 15 minutes the wider grant is over", { skip, timeout: 60_000 }, async () => {
  await stage.later(960, async (at) => {
    refused(await stage.agent.call(had.wide, order(10, "globex"), { at }), "token.expired");
  });
  ran(7);
});

test("one Stop ends both", { skip, timeout: 60_000 }, async () => {
  await stage.stops();
  // What no policy lets pass, until the gateway has heard of it.
  await eventually(async () => refused(await stage.agent.call(had.wide, order(10, "globex", "a gift card")), "revocation.revoked"));
  refused(await stage.agent.call(had.wide, order(10, "globex")), "revocation.revoked");
  await first(async (agent) => refused(await agent.call(had.token, order(10, "globex")), "revocation.revoked"));
  ran(7);
});

test("both logs say so, line by line", { skip }, async () => {
  const records = await permitted(stage.world, "gateway");
  assert.deepEqual(records.map(({ args_s256 }) => args_s256).sort(), stage.ran.map(digest).sort(), "what was permitted is what ran");
  for (const { action, sub, resource } of records) assert.equal(action, "order", JSON.stringify({ sub, resource }));
  const broker = (await told(stage.world, "broker")).map(({ code }) => code);
  assert.deepEqual(broker.slice(0, 9), ["passkey", "request", "grant", "mint", "access", "access-approved", "request", "grant", "mint"]);
  assert.deepEqual(broker.filter((code) => code === "revocation").length, 2);
});

const digest = ({ office: _, amount, ...rest }) => s256(canonical({ ...rest, amount: Math.round(amount * 100) }));
