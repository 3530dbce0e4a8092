// A certified OpenID provider (npm `oidc-provider`) on this machine: `node provider.mjs FOLDER BROKER [JWK]`.
// FOLDER is where it is installed, BROKER the broker's address, JWK the broker's public key for `private_key_jwt`.
// Whoever comes is `7`, logged in at once; who asks for `urn:strong` is logged in again, so strongly. Its first line
// says its address.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, broker, jwk] = process.argv.slice(2);
const at = createRequire(`${folder}/`).resolve("oidc-provider");
const { Provider, interactionPolicy } = await import(pathToFileURL(at));
const { Check, base } = interactionPolicy;
const policy = base();
const isStrong = (params) => (params.acr_values ?? "").split(" ").includes("urn:strong");
policy.get("login").checks.add(new Check("strong", "a stronger login is asked for", "login_required", ({ oidc }) =>
  isStrong(oidc.params) && oidc.acr !== "urn:strong" ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT));

const key = jwk && JSON.parse(jwk);
const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: "broker", redirect_uris: [`${broker}/login/back`], response_types: ["code"],
    grant_types: ["authorization_code"],
    ...(key
      ? { token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [key] },
          token_endpoint_auth_signing_alg: key.kty === "EC" ? "ES256" : "Ed25519" }
      : { token_endpoint_auth_method: "none" }),
  }],
  acrValues: ["urn:plain", "urn:strong"],
  claims: { openid: ["sub"], acr: null, amr: null, auth_time: null, iss: null, sid: null },
  enabledJWA: { clientAuthSigningAlgValues: ["ES256", "Ed25519"] },
  features: { devInteractions: { enabled: false } },
  interactions: { policy, url: (_, interaction) => `/as/${interaction.uid}` },
  pkce: { required: () => true },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope("openid");
    await grant.save();
    return grant;
  },
});
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/as/")) return next();
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  const login = { accountId: "7", acr: isStrong(params) ? "urn:strong" : "urn:plain", amr: ["pwd"] };
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, { login }));
});
server.on("request", provider.callback());
console.log(issuer);
