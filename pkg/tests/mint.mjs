// Tokens and receipts of the fixture's world: keys of fixed seeds sign them, as `tests/src/keys.rs` has them.

import { createPrivateKey, createPublicKey } from "node:crypto";

const subtle = crypto.subtle;
export const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
export const decoded = (part) => JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")));
const written = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));


/** PKCS #8 of a key of Ed25519 by its seed alone (RFC 8410), which is this byte, 32 times. */
function pkcs8(byte) {
  const frame = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
  return Buffer.from([...frame, ...Array(32).fill(byte)]);
}

/** The private key. */
export async function seeded(byte) {
  return subtle.importKey("pkcs8", pkcs8(byte), { name: "Ed25519" }, false, ["sign"]);
}

/** The public one of it. */
export function publicOf(byte) {
  const { kty, crv, x } = createPublicKey(createPrivateKey({ key: pkcs8(byte), format: "der", type: "pkcs8" })).export({ format: "jwk" });
  return { kty, crv, x };
}

export async function jws(byte, header, claims) {
  const input = `${written(header)}.${written(claims)}`;
  const signature = await subtle.sign("Ed25519", await seeded(byte), new TextEncoder().encode(input));
  return `${input}.${base64url(signature)}`;
}

/** The root of the fixture's token with other claims. */
export async function token(request, claims = {}) {
  const [header, root] = request.token.split("~")[0].split(".");
  return jws(1, decoded(header), { ...decoded(root), jti: crypto.randomUUID(), ...claims });
}
