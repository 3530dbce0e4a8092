// Executive assistant: the agent looks when its person is free and drafts a mail; the person reads this mail and clicks
// once; it is sent once, and what was allowed is gone.

import assert from "node:assert/strict";

import { McpClient, said } from "../lib/mcp.mjs";
import { desk } from "./service.mjs";

export const cast = {
  folder: "assistant",
  kind: "mcp",
  person: "user:carla",
  agent: { uid: "assistant", id: "https://agents.acme.example/assistant/1", path: "/mcp" },
  service: desk,
};

const entry = { type: "ambit_capability", datatypes: ["Desk"], identifier: "carla", purpose: "scheduling" };

/** To look and to draft. */
export const prepare = () => [
  { ...entry, actions: ["free_times"], privileges: ["observe"], constraints: { day: { constraint_type: "wildcard" } } },
  { ...entry, actions: ["save_draft"], privileges: ["draft"], constraints: { "*": { constraint_type: "wildcard" } } },
];

/** To send exactly this mail, once. */
export const sending = (mail) => {
  const exact = Object.entries(mail).map(([name, value]) => [name, { constraint_type: "exact", value }]);
  return [{ ...entry, actions: ["send_mail"], privileges: ["execute"], constraints: Object.fromEntries(exact), limits: [{ type: "use_limit", max: 1 }] }];
};

export const MAIL = {
  to: "ben@partner.example",
  subject: "Tuesday",
  body: "Dear Ben, would Tuesday at 14:30 suit you? Carla",
};

export async function play(stage, tell) {
  const { agent, person, ran } = stage;
  tell("agent", "asks Carla to see when she is free, and to draft mail, for 15 minutes");
  const token = await agent.token(prepare(), async (url) => tell("page", await person.answers(url, "Allow", "assistant-1-prepare")));
  tell("person", "clicks Allow");
  const client = await new McpClient(agent, token).open();
  const names = (await client.tools()).map(({ name }) => name);
  assert.deepEqual(names, ["free_times", "save_draft"], "it sees no tool that it could not use");
  tell("agent", `sees two tools: ${names.join(", ")}`);

  const free = await client.tool("free_times", { day: "2027-01-12" });
  assert.equal(said(free), "10:00-11:00, 14:30-16:00", JSON.stringify(free));
  tell("agent", `reads when she is free on 2027-01-12: ${said(free)}`);
  assert.equal(said(await client.tool("save_draft", MAIL)), "saved");
  assert.deepEqual(ran, [{ tool: "save_draft", ...MAIL }]);
  tell("service", `saves a draft to ${MAIL.to}`, ran[0]);

  const denied = await client.tool("send_mail", MAIL, { executes: true });
  assert.equal(denied.status, 403, JSON.stringify(denied));
  assert.equal(denied.body.error.data.code, "capability.none", JSON.stringify(denied.body));
  assert.equal(ran.length, 1);
  tell("agent", "tries to send it");
  tell("no", denied.body.error.data);

  tell("agent", "asks to send exactly this mail, once, within 5 minutes");
  let page;
  const once = await agent.token(sending(MAIL), async (url) => (page = await person.answers(url, "Allow", "assistant-2-send")), { ambit_life_seconds: "300" });
  for (const words of Object.values(MAIL)) assert.ok(page.includes(words), `${words}: ${page}`);
  tell("page", page);
  tell("person", "reads the mail, and clicks Allow");

  const sender = client.with(once);
  const headers = sender.shown({ action: "send_mail", resource: { type: "Desk", id: "carla" }, purpose: "scheduling", args: MAIL });
  assert.equal(said(await sender.tool("send_mail", MAIL, { headers })), `sent to ${MAIL.to}`);
  assert.deepEqual(ran.slice(1), [{ tool: "send_mail", ...MAIL }]);
  tell("service", `sends it to ${MAIL.to}`, ran[1]);

  const again = await sender.tool("send_mail", MAIL, { executes: true });
  assert.equal(code(again), "limit.uses", JSON.stringify(again.body));
  assert.equal(ran.length, 2);
  tell("agent", "sends it once more");
  tell("no", again.body.error.data);
  return { token, once, client, sender, headers, page };
}

/** The code of a denial, wherever it stands. */
export const code = ({ body }) => body.error?.data?.code ?? body.result?._meta?.["dev.ambit/code"] ?? body.code;
