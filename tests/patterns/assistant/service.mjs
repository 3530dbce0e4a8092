// An MCP server for a calendar and a mailbox. It knows nothing of tokens: it sends whatever it is told to.

import { answered } from "../lib/service.mjs";

const text = (name) => ({ [name]: { type: "string" } });
const tool = (name, description, properties) => ({
  name, description, inputSchema: { type: "object", properties, required: Object.keys(properties) },
});
const mail = { ...text("to"), ...text("subject"), ...text("body") };

/** What it says of itself. `schema.cedarschema` pins each description. */
export const TOOLS = [
  tool("free_times", "When the person is free on a day.", text("day")),
  tool("save_draft", "Saves a draft, which nobody else sees.", mail),
  tool("send_mail", "Sends a mail at once.", mail),
];

const FREE = { "2027-01-12": ["10:00-11:00", "14:30-16:00"] };

/** Its one address, and in `ran` what it really did. */
export function desk(ran) {
  const run = {
    free_times: ({ day }) => (FREE[day] ?? []).join(", ") || "no time is free",
    save_draft: (draft) => (ran.push({ tool: "save_draft", ...draft }), "saved"),
    send_mail: (sent) => (ran.push({ tool: "send_mail", ...sent }), `sent to ${sent.to}`),
  };
  const methods = {
    initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "desk", version: "1" } }),
    ping: () => ({}),
    "tools/list": () => ({ tools: TOOLS }),
    "tools/call": ({ name, arguments: given }) => ({ content: [{ type: "text", text: run[name](given) }] }),
  };
  return {
    // It begins nothing by itself, and keeps no sessions.
    "GET /mcp": () => answered(405),
    "DELETE /mcp": () => answered(200, {}),
    "POST /mcp": (_, { id, method, params }) =>
      id === undefined ? answered(202) : answered(200, { jsonrpc: "2.0", id, result: methods[method](params) }),
  };
}
