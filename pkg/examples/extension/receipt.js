// The receipt of a person's yes to one call, by a key that an enrolment makes known: its `kid` is the key's thumbprint
// (RFC 7638), and its issuer that of the enrolment.

import { publicJwk } from "./evaluator/approver.js";

const written = (value) => base64url(new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)));

/** `made` is what `policy.request` gave for the call, with the text that the person has read. */
export async function receipt(made, { iss, sub, aud }, keys) {
  const { binding_s256, risk_tier, display } = made;
  const { text_s256, locale, renderer } = display;
  const iat = Math.floor(Date.now() / 1000);
  const claims = {
    iss, sub, aud, iat, exp: iat + 300, jti: crypto.randomUUID(), decision: "approved", kind: "action",
    binding_s256, risk_tier, display: { text_s256, locale, renderer },
  };
  const header = { alg: "ES256", kid: await thumbprint(keys), typ: "approval-receipt+jwt" };
  const input = `${written(header)}.${written(claims)}`;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, keys.privateKey, new TextEncoder().encode(input));
  return `${input}.${base64url(signature)}`;
}

async function thumbprint(keys) {
  const { crv, kty, x, y } = await publicJwk(keys);
  return base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify({ crv, kty, x, y }))));
}

function base64url(bytes) {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
