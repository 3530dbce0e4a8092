// Procurement: the agent buys within a ceiling from a list of vendors; beyond, a person sees the difference, and says
// yes to one order or to a wider grant for 15 minutes.

import assert from "node:assert/strict";

import { refused } from "../lib/stage.mjs";
import { ordering } from "./service.mjs";

export const cast = {
  folder: "procurement",
  kind: "proxy",
  person: "user:ben",
  agent: { uid: "buyer", id: "https://agents.acme.example/buyer/1", life: 3600 },
  service: ordering,
};

const VENDORS = ["paper-mill", "globex"];

const entry = (privileges, most, vendors) => ({
  type: "ambit_capability", actions: ["order"], privileges, datatypes: ["Office"], purpose: "office-supplies",
  constraints: {
    amount: { constraint_type: "range", min: 1, max: most },
    currency: { constraint_type: "exact", value: "EUR" },
    vendor: { constraint_type: "one_of", values: vendors },
    item: { constraint_type: "wildcard" },
  },
});

/** Up to 500.00 an order from two vendors, 1,500.00 in all; what is above, up to 1,000.00, is put before Ben. */
export const morning = () => [
  { ...entry(["execute"], 50000, VENDORS), limits: [{ type: "spend", max: 150000, currency: "EUR", decimals: 2 }] },
  entry(["propose"], 100000, VENDORS),
];

/** The same, up to so much an order and in all. */
export const wider = (most = 90000, vendors = VENDORS) => [
  { ...entry(["execute"], most, vendors), limits: [{ type: "spend", max: 200000, currency: "EUR", decimals: 2 }] },
];

export function order(amount, vendor, item = "paper") {
  const args = { amount, currency: "EUR", vendor, item };
  return {
    action: "order", resource: { type: "Office", id: "berlin-2" }, purpose: "office-supplies",
    args, units: { amount: Math.round(amount * 100) },
    http: { method: "POST", path: "/offices/berlin-2/orders", body: args },
  };
}

export async function play(stage, tell) {
  const { agent, person, ran } = stage;
  const ordered = () => ran.map(({ vendor, amount, office }) => `${office} ${vendor} ${amount}`);
  tell("agent", "asks Ben to let it order up to 500.00 EUR at a time from two vendors, 1,500.00 in all, for an hour");
  const token = await agent.token(morning(), async (url) => tell("page", await person.answers(url, "Allow", "procurement-1-morning")));
  tell("person", "clicks Allow");
  const holder = agent.keep();

  const small = order(320, "paper-mill");
  assert.equal((await agent.call(token, small)).status, 201);
  assert.deepEqual(ordered(), ["berlin-2 paper-mill 320"]);
  tell("service", "orders paper for 320.00 EUR at paper-mill", ran[0]);

  const stranger = await agent.call(token, order(320, "best-toner-deals"));
  refused(stranger, "manifest.constraint");
  tell("agent", "finds a shop with better prices");
  tell("no", stranger.body);

  const large = order(750, "globex", "three desks");
  const denied = await agent.call(token, large);
  refused(denied, "constraint.range", "amount 750.00, from 0.01 to 500.00");
  tell("agent", "orders three desks for 750.00 EUR at globex");
  tell("no", denied.body);

  const asked = await agent.handIn(token, large);
  assert.equal(asked.status, 202, JSON.stringify(asked.body));
  const { list, page } = await stage.answersCall("Allow this once", { name: "procurement-2-order" });
  const difference = "amount: 750.00. Without your yes it must be from 0.01 to 500.00.";
  for (const words of [list, page]) assert.ok(words.includes(difference), words.join("\n"));
  for (const words of ["- vendor: \"globex\"", "- amount: 750.00", "- item: \"three desks\""]) assert.ok(page.includes(words), page.join("\n"));
  tell("call", page);
  tell("person", "reads the difference, and clicks Allow this once");
  const { body: said } = await agent.look(token, asked.body.task.id);
  const receipt = said.result.approval.ambit_receipt;
  assert.equal((await agent.call(token, large, { receipts: [receipt] })).status, 201);
  assert.deepEqual(ordered().slice(1), ["berlin-2 globex 750"]);
  tell("service", "orders three desks for 750.00 EUR at globex", ran[1]);

  tell("agent", "has more such orders to place, and asks for up to 900.00 EUR each, for 15 minutes");
  agent.renew();
  let words;
  const wide = await agent.token(wider(), async (url) => (words = await person.answers(url, "Allow", "procurement-3-wider")), { ambit_life_seconds: "900" });
  tell("page", words);
  tell("person", "sees what is new, and clicks Allow");
  for (const said of ["[wider than before]", "up to 900.00 EUR each", "before: up to 500.00 EUR each, 1,500.00 EUR altogether", "\n15 minutes, until "]) {
    assert.ok(words.includes(said), `${said}: ${words}`);
  }
  assert.equal((await agent.call(wide, order(880, "globex", "a meeting table"))).status, 201);
  assert.deepEqual(ordered().slice(2), ["berlin-2 globex 880"]);
  tell("service", "orders a meeting table for 880.00 EUR at globex", ran[2]);
  return { token, holder, large, receipt, wide, words };
}
