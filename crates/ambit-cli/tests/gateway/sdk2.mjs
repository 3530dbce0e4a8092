// The official client of the TypeScript SDK 2.x, which speaks revision 2026-07-28 alone here. Arguments: the folder in which
// the SDK is installed, "stdio" or "http", what it reaches as JSON (the server's command, or an address), and calls as
// JSON. It answers what a person is asked with a name, and says what it was told.
import { createRequire } from "node:module";

const [folder, kind, place, calls] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { Client, StreamableHTTPClientTransport } = require("@modelcontextprotocol/client");
const { StdioClientTransport } = require("@modelcontextprotocol/client/stdio");

const reached = JSON.parse(place);
const transport = () => {
  if (kind === "http") return new StreamableHTTPClientTransport(new URL(reached));
  const [command, ...args] = reached;
  return new StdioClientTransport({ command, args, stderr: "inherit" });
};
const told = { results: [], progress: 0, changes: 0 };
const capabilities = { elicitation: { form: {} } };
const client = new Client({ name: "test", version: "2" }, { capabilities, versionNegotiation: { mode: { pin: "2026-07-28" } } });
client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { name: "Ann" } }));
client.setNotificationHandler("notifications/tools/list_changed", () => void (told.changes += 1));
await client.connect(transport());
told.version = client.getNegotiatedProtocolVersion();
told.capabilities = client.getServerCapabilities();
told.tools = (await client.listTools()).tools.map((tool) => tool.name);
const listening = await client.listen({ toolsListChanged: true });
for (const call of JSON.parse(calls)) {
  const onprogress = () => (told.progress += 1);
  told.results.push(await client.callTool(call, { onprogress }).catch((error) => ({ error: error.message, code: error.code })));
}
// What changed is told on a stream of its own, which may be behind.
for (let waited = 0; told.changes === 0 && waited < 5000; waited += 50) await new Promise((done) => setTimeout(done, 50));
await listening.close();
await client.close();
console.log(JSON.stringify(told));
process.exit(0);
