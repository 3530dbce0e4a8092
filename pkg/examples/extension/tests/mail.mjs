// A mail service that takes *send* in every form that a careless one might, so that each attack works until it is
// refused on the way: any method, the message in the body or in the address, no token against foreign forms.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Acme Mail</title>
<link rel="icon" href="data:,">
<form id="compose" action="/api/send" method="post">
  <input name="to"><input name="cc"><input name="bcc"><input name="subject"><textarea name="body"></textarea>
  <input name="attachments" type="file" multiple><button>Send</button>
</form>
<script>
  // As mail pages do: Ctrl+Enter sends.
  addEventListener("keydown", (event) => event.ctrlKey && event.key === "Enter" && document.querySelector("button").click());
</script>`;

export class Mail {
  /** What was sent and drafted: `{ subject, message, headers }`. */
  sent = [];
  drafts = [];
  /** What the check refused: `{ subject, status }`. */
  refused = [];
  /** The check at the service, if it has one: `(Request) => { message } | { refusal }`. */
  check = undefined;
  /** Answers with this status instead of sending. */
  broken = undefined;

  static async start(world) {
    const made = Object.assign(new Mail(), { world });
    made.server = createServer((request, answer) => {
      made.#serve(request, answer).catch((error) => answer.writeHead(500).end(String(error)));
    });
    made.server.on("upgrade", (request, socket) => {
      const url = new URL(request.url, "http://x");
      if (isSend(url)) made.#take(url, "", request.headers);
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    // Firefox has this server as its proxy: what it would have carried through leads here, too.
    made.server.on("connect", (request, socket) => {
      const through = connect(made.port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        through.pipe(socket).pipe(through);
      });
      through.on("error", () => socket.destroy());
      socket.on("error", () => through.destroy());
    });
    await new Promise((done) => made.server.listen(0, "127.0.0.1", done));
    return made;
  }

  get port() {
    return this.server.address().port;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async #serve(request, answer) {
    const url = new URL(request.url, `http://${request.headers.host}`);
    const body = Buffer.concat(await all(request)).toString();
    const reply = (status, type, text, headers = {}) =>
      answer.writeHead(status, { "content-type": type, "cache-control": "no-store", "access-control-allow-origin": request.headers.origin ?? "*", "access-control-allow-headers": "*", "access-control-allow-credentials": "true", ...headers }).end(text);
    if (isSend(url)) return this.#send(request, url, body, reply);
    const code = url.searchParams.get("code") ?? "";
    switch (url.pathname) {
      case "/":
        return reply(200, "text/html", PAGE, { "set-cookie": "session=ann; Path=/; HttpOnly; SameSite=Lax" });
      case "/api/drafts":
        this.drafts.push({ message: body });
        return reply(201, "text/plain", "");
      case "/ambit/epochs.jwt":
        return reply(200, "text/plain", this.world.epochs, KEPT);
      case "/ambit/policy.bundle":
      case "/ambit/policy.wasm.dsse.json":
        return reply(200, "application/octet-stream", await readFile(join(this.world.folder, url.pathname.slice("/ambit/".length))), KEPT);
      // For the attacks: what a page could have at its own service.
      case "/bounce":
        return reply(307, "text/plain", "", { location: url.searchParams.get("to") });
      case "/script":
        return reply(200, "text/javascript", code, { "service-worker-allowed": "/" });
      case "/html":
        return reply(200, "text/html", `<!doctype html><link rel="icon" href="data:,">${code}`);
      default:
        return reply(404, "text/plain", "");
    }
  }

  async #send(request, url, body, reply) {
    if (request.method === "OPTIONS") return reply(204, "text/plain", "");
    if (this.broken) return reply(this.broken, "text/plain", "");
    if (this.check) {
      const { refusal } = await this.check(new Request(url, { method: "POST", headers: plain(request.headers), body }));
      if (refusal) {
        this.refused.push({ subject: url.searchParams.get("subject"), status: refusal.status });
        return reply(refusal.status, refusal.headers.get("content-type"), await refusal.text());
      }
    }
    this.#take(url, body, request.headers);
    return reply(200, "text/plain", "sent");
  }

  #take(url, body, headers) {
    let message;
    try {
      message = JSON.parse(body);
    } catch {
      message = undefined;
    }
    const [, written] = /name="subject"\r\n\r\n(.*)\r\n/.exec(body) ?? [];
    const subject = message?.subject ?? url.searchParams.get("subject") ?? written ?? new URLSearchParams(body).get("subject");
    this.sent.push({ subject, message, headers });
  }
}

/** What a browser may keep, and nobody who wants to hear of revocations. */
const KEPT = { "cache-control": "max-age=3600" };

/** As a service might read addresses: escapes undone, slashes taken together, parameters dropped, dots followed. */
function isSend({ pathname }) {
  const parts = decodeURIComponent(pathname).replaceAll("\\", "/").replaceAll(/;[^/]*/g, "").toLowerCase().split("/");
  const kept = [];
  for (const part of parts) {
    if (part === "..") kept.pop();
    else if (part !== "." && part !== "") kept.push(part);
  }
  const path = `/${kept.join("/")}`;
  return path === "/api/send" || path === "/api/send/";
}

const plain = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => ["authorization", "dpop", "ambit-approval", "content-type"].includes(name)));

async function all(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}
