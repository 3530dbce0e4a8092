// An MCP client over streamable HTTP that shows a token, and a proof of its own for each message.

import { s256, send } from "./agent.mjs";

export class McpClient {
  /** At the gateway's address; `url` is the endpoint as proofs name it. */
  constructor(agent, token, { at = agent.service } = {}) {
    Object.assign(this, { agent, token, at, id: 0 });
  }

  async open() {
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "assistant", version: "1" } };
    const { headers } = await this.message({ method: "initialize", params });
    this.session = headers["mcp-session-id"];
    await this.message({ method: "notifications/initialized" }, { notify: true });
    return this;
  }

  /** Another token of the same holder goes on with the session. */
  with(token) {
    return Object.assign(new McpClient(this.agent, token, { at: this.at }), { session: this.session });
  }

  /** Sends one message. `call` is what it executes in the policy's words; `headers` in the place of its own. */
  message(message, { notify, call, headers } = {}) {
    const { agent, token } = this;
    const own = this.session ? { "mcp-session-id": this.session } : {};
    const shown = headers ?? this.shown(call);
    const id = notify ? {} : { id: (this.id += 1) };
    const accept = { accept: "application/json, text/event-stream", host: new URL(agent.service).host };
    return send("POST", this.at, { ...accept, ...own, ...shown }, JSON.stringify({ jsonrpc: "2.0", ...id, ...message }));
  }

  shown(call) {
    const { agent, token } = this;
    const named = call ? { ambit_call: agent.digest(token, call) } : {};
    return { authorization: `DPoP ${token}`, dpop: agent.proof("POST", agent.service, { ath: s256(token), ...named }) };
  }

  async tools() {
    const { body } = await this.message({ method: "tools/list" });
    return body.result.tools;
  }

  /** Calls a tool. `executes`: the proof names the call, as it must where something is executed. */
  tool(name, given, { executes = false, headers } = {}) {
    const call = executes && { action: name, resource: { type: "Desk", id: "carla" }, purpose: "scheduling", args: given };
    return this.message({ method: "tools/call", params: { name, arguments: given } }, { call, headers });
  }
}

/** What the tool said, or why it was refused. */
export const said = ({ body }) => body.result?.content?.[0]?.text ?? JSON.stringify(body.error ?? body);
