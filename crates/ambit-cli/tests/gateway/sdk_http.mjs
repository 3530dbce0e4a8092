// The official client of the TypeScript SDK over streamable HTTP. Arguments: the folder in which the SDK is installed, the
// endpoint's address, and as JSON the token, the key that holds it (a JWK; without one the token is shown by itself), and
// calls. Says what the endpoint says of itself, and what came of the calls.
import { createHash, createPrivateKey, randomUUID, sign } from "node:crypto";
import { createRequire } from "node:module";

const [folder, url, asked] = process.argv.slice(2);
const { token, key, calls } = JSON.parse(asked);
const require = createRequire(`${folder}/`);
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { discoverOAuthProtectedResourceMetadata, extractWWWAuthenticateParams } = require("@modelcontextprotocol/sdk/client/auth.js");

const encode = (part) => Buffer.from(part).toString("base64url");
const prove = (method) => {
  const { kty, crv, x } = key;
  const header = { typ: "dpop+jwt", alg: "Ed25519", jwk: { kty, crv, x } };
  const ath = createHash("sha256").update(token).digest("base64url");
  const claims = { jti: randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), ath };
  const input = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}`;
  return `${input}.${encode(sign(null, Buffer.from(input), createPrivateKey({ key, format: "jwk" })))}`;
};
const shown = async (at, init = {}) => {
  const headers = new Headers(init.headers);
  if (token) headers.set("authorization", `${key ? "DPoP" : "Bearer"} ${token}`);
  if (key) headers.set("dpop", prove(init.method ?? "GET"));
  return fetch(at, { ...init, headers });
};

// As a client learns of it: from the answer to a request without a token.
const challenged = await fetch(url, { method: "POST" });
const { resourceMetadataUrl } = extractWWWAuthenticateParams(challenged);
const metadata = await discoverOAuthProtectedResourceMetadata(url, { resourceMetadataUrl });

const told = { metadata, metadataUrl: resourceMetadataUrl?.href, results: [], heard: [], progress: 0 };
const client = new Client({ name: "test", version: "1" }, { capabilities: {} });
const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: shown });
try {
  await client.connect(transport);
  told.server = client.getServerVersion();
  told.session = transport.sessionId;
  told.tools = (await client.listTools()).tools;
  for (const call of calls) {
    const onprogress = () => (told.progress += 1);
    told.results.push(await client.callTool(call, undefined, { onprogress }).catch((error) => ({ error: error.message, status: error.code })));
  }
  await transport.terminateSession();
  await client.close();
} catch (error) {
  told.error = error.message;
}
console.log(JSON.stringify(told));
process.exit(0);
