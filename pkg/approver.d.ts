import type { Keys } from "./holder.js";
import type { ConsentText, Json, Parts, Policy } from "./index.js";

export type { Keys, PublicJwk } from "./holder.js";
export { createKeys, publicJwk } from "./holder.js";

/** The key, and its name in the policy. */
export interface ApproverKey extends Pick<Keys, "privateKey"> {
  kid: string;
}

/** Who decided what, and until when: `iss`, `sub`, `aud`, `iat`, `exp`, `decision`. */
export type ReceiptClaims = { readonly [name: string]: Json | undefined };

/** The receipt for one call. Rejects with an `AmbitError`, with the denial as its `answer`. */
export function signCall(policy: Policy, parts: Parts, claims: ReceiptClaims, key: ApproverKey): Promise<string>;
/** The receipt for a whole grant, of which the person has read `consent`. */
export function signGrant(policy: Policy, consent: ConsentText, claims: ReceiptClaims, key: ApproverKey): Promise<string>;
