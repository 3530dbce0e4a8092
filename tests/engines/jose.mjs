// Verifies and signs with the npm package `jose`, for tests/jose.rs: a JSON object on standard input,
// {"verify": [{"jws", "jwk"}], "sign": [{"header", "payload", "jwk"}]}, and on standard output
// {"verified": [payload or null], "signed": [jws]}. The package is found from the folder of work.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.cwd() + "/"));
const { CompactSign, compactVerify, importJWK } = await import(pathToFileURL(require.resolve("jose")));

const asked = JSON.parse(readFileSync(0, "utf8"));
const algorithm = (jwk) => (jwk.kty === "EC" ? "ES256" : "Ed25519");

async function verify({ jws, jwk }) {
  try {
    const algorithms = [algorithm(jwk)];
    const { payload } = await compactVerify(jws, await importJWK(jwk, algorithms[0]), { algorithms });
    return new TextDecoder().decode(payload);
  } catch {
    return null;
  }
}

async function sign({ header, payload, jwk }) {
  const key = await importJWK(jwk, algorithm(jwk));
  return new CompactSign(new TextEncoder().encode(payload)).setProtectedHeader(header).sign(key);
}

const verified = await Promise.all(asked.verify.map(verify));
const signed = await Promise.all(asked.sign.map(sign));
process.stdout.write(JSON.stringify({ verified, signed }));
