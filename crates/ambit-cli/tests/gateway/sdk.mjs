// The official client of the TypeScript SDK: starts a server, lists its tools, makes calls, and says what came.
// Arguments: the folder in which the SDK is installed, a JSON list of calls, and the server's command.
import { createRequire } from "node:module";

const [folder, calls, command, ...args] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");

const client = new Client({ name: "test", version: "1" }, { capabilities: {} });
await client.connect(new StdioClientTransport({ command, args, stderr: "inherit" }));
const { tools } = await client.listTools();
const results = [];
for (const call of JSON.parse(calls)) results.push(await client.callTool(call));
console.log(JSON.stringify({ server: client.getServerVersion(), capabilities: client.getServerCapabilities(), tools, results }));
await client.close();
