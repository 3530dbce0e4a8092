// Tokens and receipts of the fixture's world: keys of fixed seeds sign them, as `tests/src/keys.rs` has them.

const subtle = crypto.subtle;
export const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
export const decoded = (part) => JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")));
const written = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));


/** A private key of Ed25519 whose seed is this byte, 32 times. */
export async function seeded(byte) {
  // PKCS #8 of a key by its seed alone (RFC 8410).
  const frame = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
  return subtle.importKey("pkcs8", Uint8Array.from([...frame, ...Array(32).fill(byte)]), { name: "Ed25519" }, false, ["sign"]);
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
