// For a person's device: receipts of a yes, or of a no.

import { signed } from "./signing.js";

export { createKeys, publicJwk } from "./signing.js";

const receipt = (kid, claims) => ({ typ: "approval-receipt+jwt", kid, claims: { jti: crypto.randomUUID(), ...claims } });

/** The receipt for one call, of which the person has read the text that `request` gives. `claims` say who decided what. */
export async function signCall(policy, parts, claims, { kid, ...keys }) {
  const said = await policy.request({ ...parts, sign: [receipt(kid, { kind: "action", ...claims })] });
  return signed(said.signing?.[0] ?? said, keys);
}

/** The receipt for a whole grant, of which the person has read `consent`, an answer of `describe`. */
export async function signGrant(policy, consent, claims, { kid, ...keys }) {
  const { binding_s256, risk_tier, text_s256, locale, renderer } = consent;
  const of = { kind: "grant", binding_s256, risk_tier, display: { text_s256, locale, renderer, ...claims.display } };
  return signed(await policy.signingInput(receipt(kid, { ...of, ...claims, display: of.display })), keys);
}
