// Signatures by WebCrypto, or by a person's authenticator, over what the core says is to be signed.

import { fromBase64 } from "./bytes.js";
import { failure } from "./engine.js";

const KEYS = { ES256: { name: "ECDSA", namedCurve: "P-256" }, Ed25519: { name: "Ed25519" } };
/** The algorithms of COSE that authenticators have (RFC 9053, section 2): ES256, and Ed25519. */
const COSE = { [-7]: KEYS.ES256, [-8]: KEYS.Ed25519 };
const ASSERTED = "WebAuthn-";
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
export async function signed(said, { privateKey, credential }) {
  if (said.signing_input === undefined) {
    const { code, admin } = said.context?.reason ?? {};
    throw Object.assign(failure(code ?? "signing.refused", admin ?? "there is nothing to be signed"), { answer: said });
  }
  const { alg, signing_input, s256 } = said;
  const wanted = alg.startsWith(ASSERTED) ? credential : privateKey;
  if (wanted === undefined) throw failure("signing.alg", `\`${alg}\` is wanted, and the key is of another kind`);
  if (wanted === credential) return `${signing_input}.${await assertion(s256, credential)}`;
  const by = Object.hasOwn(SIGN, alg) ? SIGN[alg] : undefined;
  if (by?.name !== privateKey.algorithm.name) throw failure("signing.alg", `\`${alg}\` is wanted, and the key is of another kind`);
  const signature = await crypto.subtle.sign(by, privateKey, new TextEncoder().encode(signing_input));
  return `${signing_input}.${base64url(signature)}`;
}

/** What the authenticator of a person says to a challenge, once it knows them (Web Authentication Level 3, section 7.2). */
async function assertion(challenge, { id, rpId }) {
  const allowCredentials = [{ type: "public-key", id: fromBase64url(id) }];
  const asked = { challenge: fromBase64url(challenge), rpId, allowCredentials, userVerification: "required" };
  const { response } = await authenticators().get({ publicKey: asked });
  const { authenticatorData, clientDataJSON, signature } = response;
  const members = Object.entries({ authenticatorData, clientDataJSON, signature });
  const json = JSON.stringify(Object.fromEntries(members.map(([name, bytes]) => [name, base64url(bytes)])));
  return base64url(new TextEncoder().encode(json));
}

/**
 * A new credential of a person's authenticator for pages of `rpId`, and its public key for the policy or an enrolment.
 * `user` is `{ name, displayName, id? }`; without attestation, which says nothing of the person.
 */
export async function createCredential({ rpId, rpName = rpId, user }) {
  const { id, response } = await authenticators().create({
    publicKey: {
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      rp: { id: rpId, name: rpName },
      user: { id: crypto.getRandomValues(new Uint8Array(32)), ...user },
      pubKeyCredParams: Object.keys(COSE).map((alg) => ({ type: "public-key", alg: Number(alg) })),
      authenticatorSelection: { userVerification: "required", residentKey: "preferred" },
      attestation: "none",
    },
  });
  const by = COSE[response.getPublicKeyAlgorithm()];
  const publicKey = await crypto.subtle.importKey("spki", response.getPublicKey(), by, true, ["verify"]);
  return { credential: { id, rpId }, jwk: await publicJwk({ publicKey }) };
}

function authenticators() {
  const { credentials } = globalThis.navigator ?? {};
  if (!credentials?.get) throw failure("signing.credential", "no authenticator can be asked here: this works only on a page served over https, or from localhost");
  return credentials;
}

function fromBase64url(text) {
  return fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
}

function base64url(bytes) {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
