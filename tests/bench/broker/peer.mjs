// The peer: npm `oidc-provider`, certified, with PAR, DPoP with nonces, PKCE and `private_key_jwt`, everything in memory.
// `node peer.mjs FOLDER REDIRECT JWK`: where it is installed, the client's redirect URI and public key. Whoever comes is
// logged in and has agreed. Its first line says its address.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, redirect, jwk] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(createRequire(`${folder}/`).resolve("oidc-provider")));
const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const signing = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
const provider = new Provider(issuer, {
  clients: [{
    client_id: "agent", redirect_uris: [redirect], response_types: ["code"], grant_types: ["authorization_code"],
    token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "Ed25519", jwks: { keys: [JSON.parse(jwk)] },
    id_token_signed_response_alg: "Ed25519", dpop_bound_access_tokens: true,
  }],
  jwks: { keys: [{ ...signing, alg: "Ed25519", use: "sig", kid: "one" }] },
  enabledJWA: { clientAuthSigningAlgValues: ["Ed25519"], idTokenSigningAlgValues: ["Ed25519"], dPoPSigningAlgValues: ["Ed25519"] },
  features: {
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
  },
  interactions: { url: (_, { uid }) => `/as/${uid}` },
  pkce: { required: () => true },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  async loadExistingGrant({ oidc }) {
    const known = oidc.session.grantIdFor(oidc.client.clientId);
    if (known) return oidc.provider.Grant.find(known);
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope("openid");
    await grant.save();
    return grant;
  },
});
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/as/")) return next();
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, { login: { accountId: "ann" } }));
});
server.on("request", provider.callback());
console.log(issuer);
