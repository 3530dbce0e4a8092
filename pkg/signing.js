// Signatures by WebCrypto over what the core says is to be signed.

import { failure } from "./engine.js";

const KEYS = { ES256: { name: "ECDSA", namedCurve: "P-256" }, Ed25519: { name: "Ed25519" } };
const SIGN = { ES256: { name: "ECDSA", hash: "SHA-256" }, Ed25519: { name: "Ed25519" }, EdDSA: { name: "Ed25519" } };

/** A new pair of keys. The private one cannot be read out, also not by this program. */
export async function createKeys(alg = "ES256") {
  if (!Object.hasOwn(KEYS, alg)) throw failure("signing.alg", "`alg` is `ES256` or `Ed25519`");
  return crypto.subtle.generateKey(KEYS[alg], false, ["sign", "verify"]);
}

/** The public key, as a token's `cnf` and an approver's row name it. */
export async function publicJwk({ publicKey }) {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return y === undefined ? { kty, crv, x } : { kty, crv, x, y };
}

/** The whole JWS. What the core refused is an error with its code, and the denial as `answer`. */
export async function signed(said, { privateKey }) {
  if (said.signing_input === undefined) {
    const { code, admin } = said.context?.reason ?? {};
    throw Object.assign(failure(code ?? "signing.refused", admin ?? "there is nothing to be signed"), { answer: said });
  }
  const by = Object.hasOwn(SIGN, said.alg) ? SIGN[said.alg] : undefined;
  if (by?.name !== privateKey.algorithm.name) throw failure("signing.alg", `\`${said.alg}\` is wanted, and the key is of another kind`);
  const signature = await crypto.subtle.sign(by, privateKey, new TextEncoder().encode(said.signing_input));
  return `${said.signing_input}.${base64url(signature)}`;
}

function base64url(bytes) {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
