// What users hold. It adds three things to the evaluator: only plain data and bytes of our own reach
// it; a fault inside it becomes a denial in the form of any other answer; and since nobody can vouch
// for the memory of an evaluator that stopped, the next call gets a new instance of the same code.
//
// What deciding does not need is in a second wasm file, which joins the instance of the first when it is
// first asked for. Until then, the functions of the first that lead there are traps.

import { copied, isWellFormed } from "./bytes.js";
import startEvaluator, {
  __wbg_reset_state as renew,
  http,
  initSync as running,
  Policy,
  refuse as refuseText,
  unsayable,
} from "./evaluator.js";
import { plainText } from "./plain.js";

/**
 * Bytes of a request, and of a module, that are copied in at all. The evaluator's own limits are lower and
 * give the same answer everywhere; these only keep memory from growing without end.
 */
const REQUEST_MOST = 32 * 1024 * 1024;
const MODULE_MOST = 32 * 1024 * 1024;

let starting;
/** What is said when nothing in there can run any more. */
let denial;
let fault;
/** Which instance of the compiled code runs; 0 before the first. */
let instance = 0;
let stopped = false;

let adviceInput;
let adviceStarting;
/** The second file, once it has joined. */
let adviceCode;

/**
 * Starts the wasm code once; a start that failed may be tried again. `advice` gives the second file when
 * it is first needed.
 */
export function start(input, advice) {
  starting ??= run(input, advice).catch((error) => {
    starting = undefined;
    throw error;
  });
  return starting;
}

async function run(input, advice) {
  await startEvaluator({ module_or_path: await input() });
  denial = refused("engine.trap", "the evaluator stopped");
  fault = http(JSON.stringify({ answer: JSON.parse(denial) }));
  adviceInput = advice;
  instance = 1;
}

/** Loads the second file; a start that failed may be tried again. */
function second() {
  adviceStarting ??= runAdvice().catch((error) => {
    adviceStarting = undefined;
    if (isOurs(error)) throw error;
    throw Object.assign(failure("engine.advice", "the wasm file of advice cannot be loaded"), { cause: error });
  });
  return adviceStarting;
}

async function runAdvice() {
  // The build for speed is one file.
  const exports = running();
  const build = Object.keys(exports).find((name) => name.startsWith("advice-"));
  if (build === undefined) return;
  const code = await compiled(await adviceInput());
  // Among what it wants is a name that only the first file of the same build has.
  const wanted = WebAssembly.Module.imports(code).map(({ name }) => name);
  if (!wanted.includes(build) || !wanted.every((name) => Object.hasOwn(exports, name))) {
    throw failure("engine.advice", "the wasm files of evaluator and advice are not of one build: install both anew");
  }
  join(code);
  adviceCode = code;
}

/** Gives the functions of the second file to the instance of the first that runs. */
function join(code) {
  new WebAssembly.Instance(code, { e: running() });
}

async function compiled(input) {
  if (input instanceof WebAssembly.Module) return input;
  if (ArrayBuffer.isView(input) || input instanceof ArrayBuffer) return WebAssembly.compile(input);
  const response = input instanceof Response ? input : await fetch(input);
  // Not while it comes in: then a server must send it as `application/wasm`.
  return WebAssembly.compile(await response.arrayBuffer());
}

/** Runs what calls the evaluator. What it throws without a code is a fault of the evaluator's. */
function inside(body) {
  if (stopped) {
    renew();
    if (adviceCode !== undefined) join(adviceCode);
    instance += 1;
    stopped = false;
  }
  try {
    return body();
  } catch (error) {
    stopped ||= !isOurs(error);
    throw error;
  }
}

/**
 * Whether the evaluator threw this, with a code of ours. One that every object inherits, or that the
 * engine gives its own faults, says nothing.
 */
function isOurs(error) {
  return error instanceof Error && Object.hasOwn(error, "code") && /^[a-z_]+(\.[a-z_]+)+$/.test(error.code);
}

/** A denial of the host's own, in the form of every other answer. Never throws after `init`. */
export function refuse(code, admin = "") {
  return said(refuseText, { code, admin }, denial);
}

/** What HTTP says for a denial: `{status, headers, problem}`. Never throws after `init`. */
export function httpResponse(answer, { nonce, possession } = {}) {
  return said(http, { answer, nonce, possession }, fault);
}

function said(body, request, otherwise) {
  if (instance === 0) throw failure("engine.not_started", "`await init()` first");
  try {
    const text = plainText(request, true);
    return JSON.parse(inside(() => body(text)));
  } catch {
    return JSON.parse(otherwise);
  }
}

/** The denial of what was found wrong out here. */
function refused(code, admin) {
  return refuseText(JSON.stringify({ code, admin }));
}

function failure(code, message) {
  return Object.assign(new Error(message), { code });
}

const MADE_HERE = Symbol("made by load");

export class PolicyModule {
  /** What `load` was given, so that the module can be loaded again; `undefined` once given back. */
  #input;
  #policy;
  #instance;
  #seen;

  constructor(key, input, policy) {
    if (key !== MADE_HERE) throw failure("module.unsigned", "a policy module is made by `PolicyModule.load` only");
    this.#input = input;
    this.#policy = policy;
    this.#instance = instance;
    this.#seen = policy.seen;
  }

  /**
   * Verifies a signed policy module, or its bundle alone with the module's detached signature. Throws an
   * `Error` with a `code` when it does not hold. One that has ended was verified all the same: its error has
   * `seen`, to be kept like a module's.
   */
  static load(file, detached, trust, options) {
    if (instance === 0) throw failure("engine.not_started", "`await init()` first");
    const keys = typeof trust === "string" ? trust : plain(trust, "module.trust");
    const input = [
      bytes(file, "module"),
      detached === undefined || detached === null ? undefined : bytes(detached, "signature"),
      isWellFormed(keys) ? keys : "",
      plain(options, "module.options", true),
    ];
    try {
      return inside(() => new PolicyModule(MADE_HERE, input, Policy.load(...input)));
    } catch (error) {
      throw isOurs(error) ? error : failure("engine.trap", "the evaluator stopped");
    }
  }

  /** What `body` makes of the evaluator's own module. One that was given back answers nothing. */
  #ask(body) {
    if (this.#input === undefined) return denial;
    try {
      return inside(() => body(this.#here()));
    } catch {
      return denial;
    }
  }

  #here() {
    if (this.#instance !== instance) {
      this.#policy = Policy.load(...this.#input);
      this.#instance = instance;
    }
    return this.#policy;
  }

  /** The same for what is to be a text. */
  #said(request, body) {
    return this.#noText(request) ?? this.#ask(body);
  }

  /** The same for what the second file answers. */
  async #saidLater(request, body) {
    const fault = this.#noText(request);
    if (fault !== undefined) return fault;
    await second();
    return this.#ask(body);
  }

  /** Answers a request object. What JSON cannot say is denied. */
  evaluate(request) {
    return this.#plain(request, (text) => this.evaluateText(text));
  }

  /** Answers a request text in exactly the bytes of every other engine. */
  evaluateText(request) {
    return this.#said(request, (policy) => policy.evaluate(request));
  }

  /** The same for UTF-8 bytes. */
  evaluateBytes(request) {
    const own = copied(request);
    const answer = this.#noBytes(own) ?? this.#ask((policy) => policy.evaluateBytes(own));
    return typeof answer === "string" ? new TextEncoder().encode(answer) : answer;
  }

  /** Says what would help after a denial of this request. */
  advise(request) {
    return this.#plainLater(request, (text) => this.adviseText(text));
  }

  /** The same for a text. */
  adviseText(request) {
    return this.#saidLater(request, (policy) => policy.advise(request));
  }

  /** The digest of the call in a request, and what a person is shown of it. */
  digest(request) {
    return this.#plainLater(request, (text) => this.digestText(text));
  }

  /** The same for a text. */
  digestText(request) {
    return this.#saidLater(request, (policy) => policy.digest(request));
  }

  /** What is to be signed for a proof, a further block or a receipt. */
  signingInput(request) {
    return this.#plainLater(request, (text) => this.signingInputText(text));
  }

  /** The same for a text. */
  signingInputText(request) {
    return this.#saidLater(request, (policy) => policy.signingInput(request));
  }

  /** Puts capabilities into words. */
  async describe(request) {
    let asked;
    try {
      asked = plainText(request);
    } catch ({ code, path, what }) {
      return { error: { code, at: path, admin: `the value is ${what}, which JSON cannot say` } };
    }
    const said = JSON.parse(await this.describeText(asked));
    // By which choices it was made: a page that shows it must not take it for another's.
    return said.error ? said : { ...said, chosen: [...(request.choices ?? [])] };
  }

  /** The same for a text. */
  describeText(request) {
    return this.#saidLater(request, (policy) => policy.describe(request));
  }

  /** Says which policy this is. */
  info() {
    return JSON.parse(this.infoText());
  }

  /** The same as text. */
  infoText() {
    return this.#ask((policy) => policy.info());
  }

  /** What to keep, and to give as `options.seen` the next time. */
  get seen() {
    return this.#input && { ...this.#seen };
  }

  /** Gives the memory back. From then on every answer is a denial. */
  free() {
    if (this.#input !== undefined && this.#instance === instance && !stopped) {
      this.#ask((policy) => policy.free());
    }
    this.#input = undefined;
  }

  /** The text of an object, or the denial of what JSON cannot say. */
  #read(request) {
    try {
      return { text: plainText(request) };
    } catch ({ code, path, what }) {
      const denied = () => unsayable(path, what, code === "request.number");
      return { denial: this.#ask(() => (code === "request.size" ? tooLong() : denied())) };
    }
  }

  #plain(request, answer) {
    const { text, denial } = this.#read(request);
    return JSON.parse(denial ?? answer(text));
  }

  async #plainLater(request, answer) {
    const { text, denial } = this.#read(request);
    return JSON.parse(denial ?? (await answer(text)));
  }

  /** The denial of what is no text, or one that has no UTF-8 form: what would stand for it is another. */
  #noText(request) {
    if (typeof request === "string" && request.length > REQUEST_MOST) return this.#ask(tooLong);
    if (typeof request === "string" && isWellFormed(request)) return undefined;
    return this.#ask(() => refused("request.syntax", "the request is not a text"));
  }

  #noBytes(request) {
    if (request === undefined) {
      return this.#ask(() => refused("request.syntax", "the request is not a `Uint8Array` whose buffer is there"));
    }
    return request.length > REQUEST_MOST ? this.#ask(tooLong) : undefined;
  }
}

function tooLong() {
  return refused("request.size", "the request is too long to be read");
}

function bytes(value, what) {
  const own = copied(value);
  if (own === undefined) throw failure("module.options", `the ${what} is not a \`Uint8Array\``);
  if (own.length > MODULE_MOST) throw failure("module.size", `the ${what} is too large`);
  return own;
}

function plain(value, code, absent) {
  try {
    return plainText(value, absent);
  } catch ({ path, what }) {
    throw failure(code, path === "" ? `the value is ${what}` : `\`${path}\` is ${what}`);
  }
}
