import type { Json, Parts, Policy } from "./index.js";

/** A key of WebCrypto, whichever package has its type. */
export type Key = Parameters<typeof crypto.subtle.sign>[1];

export interface Keys {
  publicKey: Key;
  privateKey: Key;
}

export interface PublicJwk {
  kty: string;
  crv: string;
  x: string;
  y?: string;
}

/** A new pair of keys, of which the private one cannot be read out. */
export function createKeys(alg?: "ES256" | "Ed25519"): Promise<Keys>;
/** The public key, as a token's `cnf` and an approver's row name it. */
export function publicJwk(keys: Pick<Keys, "publicKey">): Promise<PublicJwk>;

/** A DPoP proof for exactly this call. Rejects with an `AmbitError`, with the denial as its `answer`. */
export function prove(policy: Policy, parts: Parts, keys: Pick<Keys, "privateKey">): Promise<string>;
/** The token with a further block: `claims` narrow it and name, in `cnf`, who holds it then. */
export function attenuate(
  policy: Policy,
  token: string,
  claims: { readonly [name: string]: Json | undefined },
  keys: Pick<Keys, "privateKey">,
): Promise<string>;
