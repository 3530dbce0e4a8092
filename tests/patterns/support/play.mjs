// Support: the agent reads what a customer wrote, and proposes a refund; a person approves it; it is paid once.

import assert from "node:assert/strict";

import { refused } from "../lib/stage.mjs";
import { shop } from "./service.mjs";

export const cast = {
  folder: "support",
  kind: "proxy",
  person: "user:ann",
  agent: { uid: "support-desk", id: "https://agents.acme.example/support-desk/1" },
  service: shop,
};

/** What the agent asks for its shift: to read orders, and to propose refunds up to 150.00. */
export const shift = () => {
  const entry = { type: "ambit_capability", datatypes: ["Order"], purpose: "customer-support" };
  const constraints = {
    amount: { constraint_type: "range", min: 1, max: 15000 },
    currency: { constraint_type: "exact", value: "EUR" },
    note: { constraint_type: "wildcard" },
  };
  return [
    { ...entry, actions: ["read_order"], privileges: ["observe"] },
    { ...entry, actions: ["refund"], privileges: ["propose"], constraints },
  ];
};

export const reads = (order) => ({ power: "observe", http: { method: "GET", path: `/orders/${order}` } });

export function refund(order, amount, note = "lamp arrived with a cracked foot") {
  const args = { amount, currency: "EUR", note };
  return {
    action: "refund", resource: { type: "Order", id: order }, purpose: "customer-support",
    args, units: { amount: Math.round(amount * 100) },
    http: { method: "POST", path: `/orders/${order}/refund`, body: args },
  };
}

/** Plays it; `tell` hears who says what. Resolves to what an attacker would have after it. */
export async function play(stage, tell) {
  const { agent, person, ran } = stage;
  tell("agent", "asks Ann for her shift: to read orders, and to propose refunds up to 150.00 EUR, for 15 minutes");
  let page;
  const token = await agent.token(shift(), async (url) => (page = await person.answers(url, "Allow", "support-1-shift")));
  tell("page", page);
  for (const words of ["On its own", "Read orders and what customers wrote: any", "Prepares, a person decides", "up to 150.00 EUR each", "Anything else"]) {
    assert.ok(page.includes(words), `${words}: ${page}`);
  }
  tell("person", "logs in with her passkey, reads, and clicks Allow");

  const order = await agent.call(token, reads("o-1001"));
  assert.equal(order.status, 200, JSON.stringify(order.body));
  tell("agent", `reads order o-1001 and sums it up: ${summary(order.body)}`);

  const call = refund("o-1001", 49.9);
  const denied = await agent.call(token, call);
  refused(denied, "capability.power", "user:ann must approve exactly this call");
  assert.deepEqual(ran, []);
  tell("agent", "sends the refund of 49.90 EUR");
  tell("no", denied.body);

  const asked = await agent.handIn(token, call);
  assert.equal(asked.status, 202, JSON.stringify(asked.body));
  tell("agent", "hands exactly this call in at the broker, and waits");
  const { list, page: read } = await stage.answersCall("Allow this once", { name: "support-2-refund" });
  assert.ok(list.includes("Waits for your answer"), list.join("\n"));
  for (const words of ["Let Support desk issue a refund: order o-1001? [moves money] [cannot be undone]", "- amount: 49.90", '- currency: "EUR"']) {
    assert.ok(read.includes(words), `${words}: ${read.join("\n")}`);
  }
  tell("call", read);
  tell("person", "reads it, and clicks Allow this once");

  const { body: said } = await agent.look(token, asked.body.task.id);
  assert.equal(said.task.status, "approved");
  const receipt = said.result.approval.ambit_receipt;
  const headers = agent.shown("POST", agent.service + call.http.path, token, call, [receipt]);
  const done = await agent.call(token, call, { headers });
  assert.equal(done.status, 201, JSON.stringify(done.body));
  assert.deepEqual(ran, [{ order: "o-1001", amount: 49.9, currency: "EUR", note: "lamp arrived with a cracked foot" }]);
  tell("agent", "sends the same refund again, with her yes");
  tell("service", "pays 49.90 EUR for o-1001", ran[0]);

  const again = await agent.call(token, call, { receipts: [receipt] });
  refused(again, "approval.used", "each is for one call");
  assert.equal(ran.length, 1);
  tell("agent", "sends it once more, with a fresh proof");
  tell("no", again.body);
  return { token, call, receipt, headers };
}

/** What the agent would write of it. What a customer writes is no instruction, and nothing that it says counts as a yes. */
const summary = ({ customer, paid, messages }) =>
  `"${customer} paid ${paid.toFixed(2)} EUR. ${messages[0]} (A second message claims that a manager approved ${paid.toFixed(2)}.)"`;
