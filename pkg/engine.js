// The raw ABI of the two wasm files: bytes in, bytes out. Numbers of an instance's memory stay in here.

/** The compiled code of whatever `init` may be given. */
export async function compiled(input) {
  const given = await input;
  if (given instanceof WebAssembly.Module) return given;
  if (typeof given === "string" || given instanceof URL) return compiled(fetch(given));
  if (typeof Response === "function" && given instanceof Response) {
    if (!given.ok) throw new Error(`${given.url}: ${given.status}`);
    return WebAssembly.compile(await given.arrayBuffer());
  }
  return WebAssembly.compile(given);
}

/** One instance. Once it stopped, nobody can vouch for its memory. */
export class Engine {
  #exports;

  constructor({ exports }) {
    this.#exports = exports;
  }

  /** In most browsers the only way to start one on the page's own thread. */
  static async start(code, imports = {}) {
    return new Engine(await WebAssembly.instantiate(code, imports));
  }

  /** The same at once, where one ran before. */
  static again(code) {
    return new Engine(new WebAssembly.Instance(code, {}));
  }

  /** Calls an export with numbers, and with bytes in buffers. */
  run(name, ...values) {
    return this.#exports[name](...values.flatMap((value) => (typeof value === "number" ? value : this.#put(value))));
  }

  /** The same for an export that answers: a copy of the answer's bytes. */
  ask(name, ...values) {
    const [at, length] = unpacked(this.run(name, ...values));
    const answer = this.copy(at, length);
    this.#exports.ambit_free(at, length);
    return answer;
  }

  /** A copy of what an export points to, which stays. */
  look(name, ...values) {
    return this.copy(...unpacked(this.run(name, ...values)));
  }

  copy(at, length) {
    return this.#bytes(at, length).slice();
  }

  write(at, bytes) {
    this.#bytes(at, bytes.length).set(bytes);
  }

  #put(bytes) {
    const at = this.#exports.ambit_alloc(bytes.length) >>> 0;
    this.write(at, bytes);
    return [at, bytes.length];
  }

  /** Fetched anew each time: memory grows, and views from before are stale. */
  #bytes(at, length) {
    return new Uint8Array(this.#exports.memory.buffer, at >>> 0, length >>> 0);
  }
}

/** The address stands in the upper half, the length in the lower. */
function unpacked(packed) {
  const bits = BigInt.asUintN(64, packed);
  return [Number(bits >> 32n), Number(bits & 0xffff_ffffn)];
}
