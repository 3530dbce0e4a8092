// An MCP server over streamable HTTP without any package, which writes down what it is asked, headers included, and does
// what the test wants by the path of a file that is read.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";

const streams = new Set();
// With a folder that holds `server.key` and `server.pem` it speaks TLS.
const folder = process.argv[2];
const create = folder
  ? (answers) => createSecureServer({ key: readFileSync(`${folder}/server.key`), cert: readFileSync(`${folder}/server.pem`) }, answers)
  : createServer;

const server = create((request, response) => {
  let body = "";
  request.on("data", (data) => (body += data));
  request.on("end", () => {
    const { url, method, headers } = request;
    appendFileSync("upstream.jsonl", JSON.stringify({ method, url, headers, body }) + "\n");
    const json = (text, more = {}) => response.writeHead(200, { "content-type": "application/json", ...more }).end(text);
    if (url !== "/mcp") return json("{}");
    if (method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(": here\n\n");
      return streams.add(response);
    }
    if (method === "DELETE") return response.writeHead(204).end();
    const { id, method: asked, params } = JSON.parse(body);
    if (id === undefined) return response.writeHead(202).end();
    const answer = (result) => JSON.stringify({ jsonrpc: "2.0", id, result });
    if (asked === "initialize") {
      const result = { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "far", version: "1" } };
      return json(answer(result), { "mcp-session-id": "far-1" });
    }
    if (asked === "server/discover") {
      // So does the SDK 1.x where nothing began a session; what the file says is the status of a proxy.
      const status = existsSync("unwell") ? Number(readFileSync("unwell", "utf8")) : 400;
      const error = { jsonrpc: "2.0", error: { code: -32000, message: "Bad Request: Server not initialized" }, id: null };
      return response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(error));
    }
    if (asked === "tools/list") return json(answer({ tools: JSON.parse(readFileSync("tools.json", "utf8")) }));
    const path = params?.arguments?.path ?? "";
    const text = (text) => answer({ content: [{ type: "text", text }] });
    const events = () => response.writeHead(200, { "content-type": "text/event-stream" });
    if (path.endsWith("/events")) {
      const token = params._meta?.progressToken;
      const progress = { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: token, progress: 1 } };
      events().write(`id: 1\r\ndata: ${JSON.stringify(progress)}\r\n\r\n`);
      return setTimeout(() => response.end(`event: message\ndata: ${text("by events")}\n\n`), 50);
    }
    if (path.endsWith("/changed")) {
      for (const stream of streams) stream.write(`data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n`);
    }
    if (path.endsWith("/silent")) return events().end(": nothing\n\n");
    if (path.endsWith("/pretty")) return json(JSON.stringify(JSON.parse(text("pretty")), null, 2).replaceAll("\n", "\r\n"));
    if (path.endsWith("/away")) return response.writeHead(307, { location: "/elsewhere" }).end();
    if (path.endsWith("/denied")) return response.writeHead(401, { "www-authenticate": "Bearer" }).end();
    if (path.endsWith("/twice")) return json(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[],"content":[]}}`);
    if (path.endsWith("/page")) return response.writeHead(200, { "content-type": "text/html" }).end("<p>");
    if (path.endsWith("/break")) return response.writeHead(200, { "content-type": "application/json", "content-length": 100 }).write("{", () => response.destroy());
    if (path.endsWith("/gone")) return response.writeHead(404).end();
    if (path.endsWith("/large")) return json(text("x".repeat(17 * 1024 * 1024)));
    if (path.endsWith("/event")) return events().end(`data: ${text("x".repeat(17 * 1024 * 1024))}\n\n`);
    json(text("done").replace('"content"', '"x-odd":1.50,"content"'));
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
