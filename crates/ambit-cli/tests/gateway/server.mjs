// An MCP server over stdio without any package, which writes down what it is asked and does what the test
// wants: two tools a page, members that nobody knows, questions to the client.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const say = (text) => process.stdout.write(text + "\n");
const answer = (id, result) => say(JSON.stringify({ jsonrpc: "2.0", id, result }));
let waiting;

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params, result, error } = JSON.parse(line);
  appendFileSync("heard.jsonl", line + "\n");
  if (method === "initialize") {
    const capabilities = { tools: { listChanged: true }, resources: {}, prompts: {}, completions: {}, experimental: { x: {} } };
    answer(id, { protocolVersion: params.protocolVersion, capabilities, serverInfo: { name: "fixture", version: "1" } });
  } else if (method === "server/discover") {
    // How it fails, a file says: it ends, takes its time, or answers with an error of this code.
    const fails = existsSync("undiscovered") ? readFileSync("undiscovered", "utf8") : "";
    if (fails === "ends") process.exit(1);
    if (fails && fails !== "late") return say(JSON.stringify({ jsonrpc: "2.0", id, error: { code: Number(fails), message: "no" } }));
    // What revision it speaks, the file says; without one it knows no such request.
    if (!existsSync("modern")) return say(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } }));
    const capabilities = { tools: { listChanged: true }, resources: {}, extensions: { "io.modelcontextprotocol/tasks": {} } };
    const result = { resultType: "complete", supportedVersions: ["2099-01-01", readFileSync("modern", "utf8")], capabilities, cacheScope: "public", ttlMs: 1 };
    setTimeout(() => answer(id, result), fails ? 12_000 : 0);
  } else if (method === "subscriptions/listen") {
    const { notifications } = params;
    const _meta = { "io.modelcontextprotocol/subscriptionId": id };
    say(JSON.stringify({ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params: { _meta, notifications } }));
    say(JSON.stringify({ jsonrpc: "2.0", method: "notifications/tools/list_changed", params: { _meta } }));
    say(JSON.stringify({ jsonrpc: "2.0", method: "notifications/tools/list_changed", params: { _meta: { "io.modelcontextprotocol/subscriptionId": "other" } } }));
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/question") && !params.inputResponses?.who) {
    const question = { method: "elicitation/create", params: { message: "Who?" } };
    answer(id, { resultType: "input_required", inputRequests: { who: question }, requestState: "kept" });
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/never")) {
    // It is never answered.
  } else if (method === "tools/list") {
    const at = Number(params?.cursor ?? 0);
    // So many of its lists become others while they are told.
    const restless = existsSync("restless") ? Number(readFileSync("restless", "utf8")) : 0;
    if (at === 0 && restless > 0) {
      writeFileSync("restless", String(restless - 1));
      say(JSON.stringify({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }));
    }
    const more = existsSync("asking") ? { resultType: "input_required", inputRequests: {} } : {};
    const tools = JSON.parse(readFileSync("tools.json", "utf8"));
    const next = at + 2 < tools.length ? { nextCursor: String(at + 2) } : {};
    const page = { tools: tools.slice(at, at + 2), ...next, ...more, "x-beside": true };
    // Longer than a call may wait to begin, where the file says so.
    if (at === 0 && existsSync("tardy")) setTimeout(() => answer(id, page), 16_000);
    else answer(id, page);
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/ask")) {
    waiting = id;
    say(JSON.stringify({ jsonrpc: "2.0", id: "s-1", method: "sampling/createMessage", params: { messages: [] } }));
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/roots")) {
    waiting = id;
    // As it stands in the file: what a server says beside its question.
    say(`{"jsonrpc":"2.0","id":"s-1","method":"roots/list","params":{"_meta":${readFileSync("beside.json", "utf8")}}}`);
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/input")) {
    answer(id, { resultType: "input_required", inputRequests: {} });
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/elicit")) {
    const elicitations = [{ mode: "url", elicitationId: "e", url: "https://evil.example/", message: "Log in" }];
    say(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32042, message: "log in", data: { elicitations } } }));
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/return")) {
    say(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},\r"result":{"content":[{"type":"text","text":"first"}]}}`);
    answer(id, { content: [{ type: "text", text: "second" }] });
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/twice")) {
    say(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[],"content":[]}}`);
    answer(id, { content: [] });
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/changed")) {
    answer(id, { content: [] });
    say(JSON.stringify({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }));
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/progress")) {
    const progressToken = params._meta.progressToken;
    say(JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress: 1 } }));
    setTimeout(() => answer(id, { content: [{ type: "text", text: "slowly" }] }), 50);
  } else if (method === "tools/call" && params.name === "read_file" && params.arguments.path.endsWith("/large")) {
    answer(id, { content: [{ type: "text", text: "x".repeat(15 * 1024 * 1024) }] });
  } else if (method === "tools/call" && params.name === "read_draft") {
    // What the file says; without one, never anything.
    if (existsSync("draft.json")) answer(id, JSON.parse(readFileSync("draft.json", "utf8")));
  } else if (method === "tools/call" && params.name === "send_draft") {
    const sent = () => (existsSync("slow") ? setTimeout(sent, 20) : answer(id, { content: [{ type: "text", text: "sent" }] }));
    sent();
  } else if (method === "resources/read" && existsSync("resource.json")) {
    answer(id, JSON.parse(readFileSync("resource.json", "utf8")));
  } else if (method === "tools/call" || method === "resources/read") {
    say(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[{"type":"text","text":"done"}],"x-odd":1.50}}`);
  } else if (id === "s-1") {
    answer(waiting, { content: [{ type: "text", text: error ? `refused: ${error.message}` : "answered" }] });
  } else if (method === "ping") {
    answer(id, {});
  }
});
