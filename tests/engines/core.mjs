// The host core, `ambit-core.wasm`, by its raw ABI and without any package: what a host in another language writes
// about memory is `Core` here. Behind the line protocol of `tests/conformance/README.md`. Usage: node core.mjs AMBIT_CORE_WASM
// [GUEST_WASM]: with the second, the policy's own code decides, which must be that guest, and the core does the rest.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const compiled = new WebAssembly.Module(readFileSync(process.argv[2]));

/** The digest that a policy must state of its code, if that is what decides. */
const guest = process.argv[3] && createHash("sha256").update(readFileSync(process.argv[3])).digest("base64url");
/** What a module answers by itself, if its code decides. */
const OWN = ["evaluate", "advise", "describe", "info"];

/** One policy in one instance. */
class Core {
  #wasm;

  constructor(code = compiled) {
    this.#wasm = new WebAssembly.Instance(code).exports;
    if (this.#wasm.ambit_abi() !== 2) throw new Error("an ABI that is not known");
  }

  /** The verified statement, or an error with the code that refuses it. */
  load(file, options) {
    const statement = JSON.parse(this.#call("ambit_load", file, bytes(JSON.stringify(options))));
    if (statement.code) throw Object.assign(new Error(statement.admin), { code: statement.code });
    return statement;
  }

  /** Asks an export of one input (bytes) for its answer (bytes). */
  ask(name, input) {
    return this.#call(`ambit_${name}`, input);
  }

  info() {
    return this.#call("ambit_info");
  }

  #call(name, ...inputs) {
    const places = inputs.flatMap((input) => this.#put(input));
    const packed = BigInt.asUintN(64, this.#wasm[name](...places));
    const [at, size] = [Number(packed >> 32n), Number(packed & 0xffffffffn)];
    if (size === 0) throw new Error("no answer: deny");
    const answer = new Uint8Array(this.#wasm.memory.buffer, at, size).slice();
    this.#wasm.ambit_free(at, size);
    for (let i = places.length - 2; i >= 0; i -= 2) this.#wasm.ambit_free(places[i], places[i + 1]);
    return text(answer);
  }

  #put(input) {
    const at = this.#wasm.ambit_alloc(input.length) >>> 0;
    if (at === 0) throw new Error("no room for the request: deny");
    new Uint8Array(this.#wasm.memory.buffer).set(input, at);
    return [at, input.length];
  }
}

const bytes = (text) => new TextEncoder().encode(text);
const text = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const policies = new Map();
/** The code of the policies, if it decides. */
const own = new Map();
/** For what needs no policy. */
const bare = new Core();
const answers = {
  load({ policy, module, trust, uid, now }) {
    const [core, file] = [new Core(), readFileSync(module)];
    core.load(file, { trust, uid, now, seen: null, ...(guest && { guest }) });
    if (guest) {
      const code = new Core(new WebAssembly.Module(file));
      const { code: refused, admin } = JSON.parse(core.ask("check_info", Buffer.from(code.info())));
      if (refused) throw Object.assign(new Error(admin), { code: refused });
      own.set(policy, code);
    }
    policies.set(policy, core);
    return "ok";
  },
  info: ({ policy }) => base64((own.get(policy) ?? policies.get(policy)).info()),
  about: () => `Node.js ${process.version.slice(1)}`,
};

function ask({ op, policy, input }) {
  const core = (OWN.includes(op) && own.get(policy)) || policies.get(policy) || bare;
  return base64(core.ask(op, Buffer.from(input, "base64")));
}
const base64 = (output) => Buffer.from(output).toString("base64");

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const command = JSON.parse(line);
    console.log((answers[command.op] ?? ask)(command));
  } catch (error) {
    console.log(`error: ${error.code ?? "none"} ${error.message}`);
  }
}
