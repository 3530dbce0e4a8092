// An agent: it asks the broker for what it needs, proves each call by its key, and holds nothing else. Written from
// `docs/broker.md` and `docs/token.md` with what Node has, so that it shares no code with what it talks to.

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";

const base64url = (bytes) => Buffer.from(bytes).toString("base64url");
export const s256 = (text) => createHash("sha256").update(text).digest("base64url");
const JSON_TYPE = { "content-type": "application/json" };

/** RFC 8785 for what has no fractions. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

function jws(header, claims, key) {
  const input = [header, claims].map((part) => base64url(JSON.stringify(part))).join(".");
  return `${input}.${base64url(sign(null, Buffer.from(input), key))}`;
}

export class Agent {
  /** `id`, `broker`, `service`, `redirect` and the file of its own key, as the broker's file has them. */
  constructor({ id, broker, service, redirect }, keyFile) {
    Object.assign(this, { id, broker, service, redirect });
    this.key = createPrivateKey({ key: JSON.parse(readFileSync(keyFile)), format: "jwk" });
    this.renew();
  }

  /** What time it is for this agent; `ahead` is for what happens later. */
  now() {
    return Math.floor(Date.now() / 1000) + (this.ahead ?? 0);
  }

  /** A new key to hold tokens by. */
  renew() {
    this.holder = generateKeyPairSync("ed25519").privateKey;
    this.jwk = createPublicKey(this.holder).export({ format: "jwk" });
  }

  /** Its key of now, to be taken up again by `hold`. */
  keep() {
    return { holder: this.holder, jwk: this.jwk };
  }

  hold(kept) {
    Object.assign(this, kept);
  }

  assertion() {
    const claims = { iss: this.id, sub: this.id, aud: this.broker, jti: randomUUID(), iat: this.now(), exp: this.now() + 60 };
    return jws({ alg: "Ed25519", typ: "client-authentication+jwt" }, claims, this.key);
  }

  /** A DPoP proof; `more` has claims beside the usual ones. */
  proof(method, url, more = {}) {
    const claims = { jti: randomUUID(), htm: method, htu: url, iat: this.now(), ...more };
    return jws({ alg: "Ed25519", typ: "dpop+jwt", jwk: this.jwk }, claims, this.holder);
  }

  /** A form for the broker, with the nonce that it wants. */
  async post(path, fields) {
    const url = this.broker + path;
    const send = () => {
      const all = { ...fields, client_assertion: this.assertion(), client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" };
      const headers = { dpop: this.proof("POST", url, this.nonce && { nonce: this.nonce }) };
      return fetch(url, { method: "POST", headers, body: new URLSearchParams(all) });
    };
    return this.again(send);
  }

  /** Sends, and once more where only the nonce was an old one. */
  async again(send) {
    for (const last of [false, true]) {
      const answer = await send();
      this.nonce = answer.headers.get("dpop-nonce") ?? this.nonce;
      const body = await answer.json();
      if (last || body.error !== "use_dpop_nonce") return { status: answer.status, body };
    }
  }

  /** A verifier for what it asks next. */
  prepare() {
    this.verifier = randomUUID() + randomUUID();
    this.challenge = s256(this.verifier);
  }

  /** Pushes what it needs. Resolves to where the person's browser is to go, or to the refusal. */
  async ask(capabilities, more = {}) {
    this.prepare();
    const told = await this.post("/par", {
      client_id: this.id, response_type: "code", redirect_uri: this.redirect, state: randomUUID(),
      code_challenge: this.challenge, code_challenge_method: "S256",
      authorization_details: JSON.stringify(capabilities), ...more,
    });
    if (told.status !== 201) return told;
    const query = new URLSearchParams({ client_id: this.id, request_uri: told.body.request_uri });
    return { ...told, url: `${this.broker}/authorize?${query}` };
  }

  /** Waits at its redirect URI for the person's browser: what it brings. */
  comesBack() {
    const { port, hostname } = new URL(this.redirect);
    return new Promise((done, failed) => {
      const server = createServer(({ url }, answer) => {
        const { pathname, searchParams } = new URL(url, this.redirect);
        if (pathname !== new URL(this.redirect).pathname) return answer.writeHead(404).end();
        answer.writeHead(200, { "content-type": "text/html", connection: "close" }).end("<!doctype html><title>Back</title><p>Thank you. The agent goes on.");
        server.close();
        done(Object.fromEntries(searchParams));
      });
      // Nobody waits for a person who never comes.
      server.once("error", failed).listen(port, hostname).unref();
      this.gone = () => server.close();
    });
  }

  exchange(code) {
    return this.post("/token", { grant_type: "authorization_code", code, redirect_uri: this.redirect, code_verifier: this.verifier });
  }

  /** A token for these capabilities, if `answers(url)` has the person allow them. */
  async token(capabilities, answers, more = {}) {
    const asked = await this.ask(capabilities, more);
    if (!asked.url) throw new Error(JSON.stringify(asked.body));
    const [back] = await Promise.all([this.comesBack(), answers(asked.url)]).finally(() => this.gone());
    if (!back.code) throw new Error(JSON.stringify(back));
    const { body } = await this.exchange(back.code);
    if (!body.access_token) throw new Error(JSON.stringify(body));
    return body.access_token;
  }

  /** The digest of a call (`docs/token.md`, section 7). `units`: arguments that are money, in minor units. */
  digest(token, { action, resource, purpose, args, units }) {
    const { iss, jti, sub, act, agent, tenant = null } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
    return s256(canonical({
      v: "ambit-action-1", aud: this.service, tenant, sub, act: { iss: act.iss ?? null, sub: act.sub }, agent, root: { iss, jti },
      action, power: "execute", resource, purpose, args: { ...args, ...units },
    }));
  }

  /** The headers of a call with this token: of one that executes, named by its digest. */
  shown(method, url, token, call, receipts = []) {
    const named = call && call.power !== "observe" && call.power !== "draft" ? { ambit_call: this.digest(token, call) } : {};
    const headers = { authorization: `DPoP ${token}`, dpop: this.proof(method, url, { ath: s256(token), ...named }) };
    return receipts.length ? { ...headers, "ambit-approval": receipts.join(", ") } : headers;
  }

  /** Makes an HTTP call of the service behind its gateway. `headers` in the place of its own: what a thief would send. */
  async call(token, call, { receipts, headers, at } = {}) {
    const { method, path, body } = call.http;
    const own = this.shown(method, this.service + path, token, call, receipts);
    return send(method, (at ?? this.service) + path, { ...(headers ?? own), host: new URL(this.service).host }, body && JSON.stringify(body));
  }

  /** Hands in a call that was denied, for its person to look at. */
  handIn(token, { action, power = "execute", resource, purpose, args }) {
    const evaluation = { action: { name: action, properties: { power, args } }, resource, context: { purpose } };
    const digest = this.digest(token, { action, resource, purpose, ...arguments[1] });
    return this.atBroker("POST", "/access-requests", token, JSON.stringify(evaluation), { ambit_call: digest });
  }

  /** How a call that was handed in stands. */
  look(token, task) {
    return this.atBroker("GET", `/access-requests?task=${task}`, token);
  }

  atBroker(method, path, token, body, more = {}) {
    const url = this.broker + path;
    return this.again(() => {
      const nonce = this.nonce && { nonce: this.nonce };
      const dpop = this.proof(method, url.split("?")[0], { ath: s256(token), ...nonce, ...more });
      return fetch(url, { method, body, headers: { ...JSON_TYPE, authorization: `DPoP ${token}`, dpop } });
    });
  }
}

/** One request, byte for byte: `fetch` would not send another `Host`. */
export function send(method, url, headers, body) {
  return new Promise((done, failed) => {
    const all = body === undefined ? headers : { ...JSON_TYPE, ...headers };
    const asked = request(url, { method, headers: all, agent: false }, async (answer) => {
      let text = "";
      for await (const part of answer) text += part;
      const json = text && /json/.test(answer.headers["content-type"] ?? "");
      done({ status: answer.statusCode, headers: answer.headers, body: json ? JSON.parse(text) : text });
    });
    asked.once("error", failed).end(body);
  });
}
