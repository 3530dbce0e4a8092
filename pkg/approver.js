// For a person's device: receipts of a yes, or of a no.

import { signed } from "./signing.js";

export { createCredential, createKeys, publicJwk } from "./signing.js";

/** By a key of the policy, which has a `kid`, or by one that an enrolment makes known. */
const receipt = ({ kid, enrolment }, claims) => ({
  typ: "approval-receipt+jwt", ...(enrolment === undefined ? { kid } : { enrolment }), claims: { jti: crypto.randomUUID(), ...claims },
});

/** The receipt for one call, of which the person has read the text that `request` gives. `claims` say who decided what. */
export async function signCall(policy, parts, claims, key) {
  const said = await policy.request({ ...parts, sign: [receipt(key, { kind: "action", ...claims })] });
  return signed(said.signing?.[0] ?? said, key);
}

/** The receipt for a whole grant, of which the person has read `consent`, an answer of `describe`. */
export async function signGrant(policy, consent, claims, key) {
  const { binding_s256, risk_tier, text_s256, locale, renderer } = consent;
  const of = { kind: "grant", binding_s256, risk_tier, display: { text_s256, locale, renderer, ...claims.display } };
  return signed(await policy.signingInput(receipt(key, { ...of, ...claims, display: of.display })), key);
}
