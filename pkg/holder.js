// For an agent: proves that a token is its own, and narrows it for others.

import { signed } from "./signing.js";

export { createKeys, publicJwk } from "./signing.js";

/** A DPoP proof for exactly this call, by the holder's keys. `parts` are those of the request, with `token`. */
export async function prove(policy, parts, keys) {
  const said = await policy.request({ ...parts, sign: [{ typ: "dpop+jwt", claims: { jti: crypto.randomUUID() } }] });
  return signed(said.signing?.[0] ?? said, keys);
}

/** The token with a further block, which narrows it and names who holds it then. */
export async function attenuate(policy, token, claims, keys) {
  const said = await policy.signingInput({ typ: "cap+jwt", token, claims: { jti: crypto.randomUUID(), ...claims } });
  return `${token}~${await signed(said, keys)}`;
}
