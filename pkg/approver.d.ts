import type { Keys, PublicJwk } from "./holder.js";
import type { ConsentText, Json, Parts, Policy } from "./index.js";

export type { Keys, PublicJwk } from "./holder.js";
export { createKeys, publicJwk } from "./holder.js";

/** A credential of a person's authenticator: its id (base64url) and the domain for which it was made. */
export interface Credential {
  id: string;
  rpId: string;
}

/** How the policy knows the key: by its `kid`, or by an enrolment (`approver-key+jwt`, with its countersignature). */
export type KnownBy = { kid: string; enrolment?: undefined } | { enrolment: string; kid?: undefined };

/** What signs: a key of WebCrypto, or the person's authenticator, which asks them each time (WebAuthn). */
export type SignsBy = (Pick<Keys, "privateKey"> & { credential?: undefined }) | { credential: Credential; privateKey?: undefined };

export type ApproverKey = KnownBy & SignsBy;

/**
 * A new credential of a person's authenticator, and its public key for the policy or for `ambit enrol`. Rejects with the
 * browser's `DOMException` where the person says no, and with `signing.credential` where there is no authenticator to ask.
 */
export function createCredential(options: {
  rpId: string;
  rpName?: string;
  user: { name: string; displayName: string; id?: Uint8Array<ArrayBuffer> };
}): Promise<{ credential: Credential; jwk: PublicJwk }>;

/** Who decided what, and until when: `iss`, `sub`, `aud`, `iat`, `exp`, `decision`; of an enrolled key `iss` and `sub` are known. */
export type ReceiptClaims = { readonly [name: string]: Json | undefined };

/** The receipt for one call. Rejects with an `AmbitError`, with the denial as its `answer`. */
export function signCall(policy: Policy, parts: Parts, claims: ReceiptClaims, key: ApproverKey): Promise<string>;
/** The receipt for a whole grant, of which the person has read `consent`. */
export function signGrant(policy: Policy, consent: ConsentText, claims: ReceiptClaims, key: ApproverKey): Promise<string>;
