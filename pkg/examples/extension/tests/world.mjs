// An organisation with a policy of its own: keys made for this run, and what it signs with them.

import { generateKeyPairSync } from "node:crypto";
import { appendFile, cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { base64url } from "../../../tests/mint.mjs";
import { run } from "../../../tests/packed.mjs";

const ISS = "https://issuer.acme.example";
const SIGNS = { issuer: "cap+jwt", enroller: "approver-key+jwt", revoker: "revocation-epochs+jwt" };
const now = () => Math.floor(Date.now() / 1000);
const written = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));

export class World {
  #keys = {};
  #epochs = 0;

  /** `ambit` is the command. */
  static async make(ambit, example, folder) {
    const made = Object.assign(new World(), { ambit, folder });
    await cp(join(example, "policy"), folder, { recursive: true });
    for (const [name, signs] of Object.entries(SIGNS)) {
      const { publicKey, privateKey } = generateKeyPairSync("ed25519");
      const { x } = publicKey.export({ format: "jwk" });
      made.#keys[name] = await crypto.subtle.importKey("pkcs8", privateKey.export({ format: "der", type: "pkcs8" }), "Ed25519", false, ["sign"]);
      await appendFile(join(folder, "ambit.toml"), `\n[[keys]]\niss = "${ISS}"\nkid = "${name}"\nalg = "Ed25519"\nsigns = "${signs}"\nx = "${x}"\n`);
    }
    await made.#run("keygen", "-o", "module.jwk", "--trust", "keys.json");
    await made.build();
    await made.revoke();
    return made;
  }

  /** Builds and signs the policy as its files are now. */
  async build() {
    await this.#run("build", ".", "-o", "policy.wasm");
    await this.#run("sign", "policy.wasm", "--key", "module.jwk");
  }

  /** Publishes a newer version with files changed by `change`: `{ NAME: (text) => text }`. */
  async update(change) {
    for (const [name, made] of Object.entries(change)) {
      const file = join(this.folder, name);
      await writeFile(file, made(await readFile(file, "utf8")));
    }
    const file = join(this.folder, "ambit.toml");
    await writeFile(file, (await readFile(file, "utf8")).replace(/^version = (\d+)$/m, (_, number) => `version = ${Number(number) + 1}`));
    await this.build();
  }

  /** Publishes a list of what is revoked, newer than the one before. */
  async revoke(...entries) {
    this.#epochs += 1;
    const claims = { iss: ISS, iat: now(), exp: now() + 3600, version: this.#epochs, entries };
    this.epochs = await this.#jws("revoker", claims);
  }

  /** What the person is given for the keys of their browser; `more` is of the enrolment. */
  async papers({ holder, approver }, claims = {}, more = {}) {
    const grant = JSON.parse(await readFile(join(this.folder, "grant.json"), "utf8"));
    const whole = {
      iss: ISS, iat: now(), exp: now() + 7200, jti: crypto.randomUUID(), del_depth: 0, ...grant,
      policy: { uid: "acme/mail", version: 1 }, cnf: { jwk: holder }, ...claims,
    };
    const enrolment = { iss: ISS, iat: now(), exp: now() + 86400, jti: crypto.randomUUID(), sub: "user:ann", jwk: approver, policies: ["acme/mail"], ...more };
    const enrolments = [await this.#jws("enroller", enrolment)];
    return { token: await this.#jws("issuer", whole), mailbox: "ann", enrolments };
  }

  async #jws(kid, claims) {
    const input = `${written({ alg: "Ed25519", kid, typ: SIGNS[kid] })}.${written(claims)}`;
    return `${input}.${base64url(await crypto.subtle.sign("Ed25519", this.#keys[kid], new TextEncoder().encode(input)))}`;
  }

  #run(...words) {
    return run(this.ambit, words, { cwd: this.folder });
  }
}
