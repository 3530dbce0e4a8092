// What users hold. It adds three things to the evaluator: only plain data and bytes of our own reach
// it; a fault inside it becomes a denial in the form of any other answer; and since nobody can vouch
// for the memory of an evaluator that stopped, the next call gets a new instance of the same code.

import startWasm, { __wbg_reset_state as startAnew, PolicyModule as Core, httpText, refusal, refuseText } from "./ambit_web.js";
import { copied } from "./bytes.js";
import { plainText } from "./plain.js";

let starting;
/** What is said when nothing in there can run any more. */
let denial;
let fault;
/** Which instance of the compiled code runs; 0 before the first. */
let instance = 0;
let stopped = false;

/** Starts the wasm code once; a start that failed may be tried again. */
export function start(input) {
  starting ??= run(input).catch((error) => {
    starting = undefined;
    throw error;
  });
  return starting;
}

async function run(input) {
  await startWasm({ module_or_path: await input() });
  denial = refuseText(JSON.stringify({ code: "engine.trap", admin: "the evaluator stopped" }));
  fault = httpText(JSON.stringify({ answer: JSON.parse(denial) }));
  instance = 1;
}

/** Runs what calls the evaluator. What it throws without a code is a fault of the evaluator's. */
function inside(body) {
  if (stopped) {
    startAnew();
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
export function httpResponse(answer, { nonce } = {}) {
  return said(httpText, { answer, nonce }, fault);
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

function failure(code, message) {
  return Object.assign(new Error(message), { code });
}

const MADE_HERE = Symbol("made by load");

export class PolicyModule {
  /** What `load` was given, so that the module can be loaded again; `undefined` once given back. */
  #input;
  #core;
  #instance;
  #seen;

  constructor(key, input, core) {
    if (key !== MADE_HERE) throw failure("module.unsigned", "a policy module is made by `PolicyModule.load` only");
    this.#input = input;
    this.#core = core;
    this.#instance = instance;
    this.#seen = core.seen;
  }

  /**
   * Verifies a signed policy module, or its bundle alone with the module's detached signature. Throws an `Error` with a `code` when it does not hold. One that
   * has ended was verified all the same: its error has `seen`, to be kept like a module's.
   */
  static load(file, detached, trust, options) {
    if (instance === 0) throw failure("engine.not_started", "`await init()` first");
    const input = [
      bytes(file, "module"),
      detached === undefined || detached === null ? undefined : bytes(detached, "signature"),
      typeof trust === "string" ? trust : plain(trust, "module.trust"),
      JSON.parse(plain(options, "module.options", true)),
    ];
    try {
      return inside(() => new PolicyModule(MADE_HERE, input, Core.load(...input)));
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
      this.#core = Core.load(...this.#input);
      this.#instance = instance;
    }
    return this.#core;
  }

  #plain(request, answer) {
    let text;
    try {
      text = plainText(request);
    } catch ({ code, path, what }) {
      return JSON.parse(this.#ask(() => refusal(code, path, what)));
    }
    return JSON.parse(answer(text));
  }

  /** Answers a request object. What JSON cannot say is denied. */
  evaluate(request) {
    return this.#plain(request, (text) => this.evaluateText(text));
  }

  /** Answers a request text in exactly the bytes of every other engine. */
  evaluateText(request) {
    return this.#ask((core) => core.evaluateText(request));
  }

  /** The same for UTF-8 bytes. */
  evaluateBytes(request) {
    const own = copied(request);
    const answer = this.#ask((core) => core.evaluateBytes(own));
    return typeof answer === "string" ? new TextEncoder().encode(answer) : answer;
  }

  /** Says what would help after a denial of this request. */
  advise(request) {
    return this.#plain(request, (text) => this.adviseText(text));
  }

  /** The same for a text. */
  adviseText(request) {
    return this.#ask((core) => core.adviseText(request));
  }

  /** The digest of the call in a request, and what a person is shown of it. */
  digest(request) {
    return this.#plain(request, (text) => this.digestText(text));
  }

  /** The same for a text. */
  digestText(request) {
    return this.#ask((core) => core.digestText(request));
  }

  /** What is to be signed for a proof, a further block or a receipt. */
  signingInput(request) {
    return this.#plain(request, (text) => this.signingInputText(text));
  }

  /** The same for a text. */
  signingInputText(request) {
    return this.#ask((core) => core.signingInputText(request));
  }

  /** Puts capabilities into words. */
  describe(request) {
    let text;
    try {
      text = plainText(request);
    } catch ({ code, path, what }) {
      return { error: { code, at: path, admin: `the value is ${what}, which JSON cannot say` } };
    }
    return JSON.parse(this.describeText(text));
  }

  /** The same for a text. */
  describeText(request) {
    return this.#ask((core) => core.describeText(request));
  }

  /** Says which policy this is. */
  info() {
    return JSON.parse(this.infoText());
  }

  /** The same as text. */
  infoText() {
    return this.#ask((core) => core.infoText());
  }

  /** What to keep, and to give as `options.seen` the next time. */
  get seen() {
    return this.#input && { ...this.#seen };
  }

  /** Gives the memory back. From then on every answer is a denial. */
  free() {
    const here = this.#input !== undefined && this.#instance === instance && !stopped;
    this.#input = undefined;
    if (here) this.#core.free();
  }
}

function bytes(value, what) {
  const own = copied(value);
  if (own === undefined) throw failure("module.options", `the ${what} is not a \`Uint8Array\``);
  return own;
}

function plain(value, code, absent) {
  try {
    return plainText(value, absent);
  } catch ({ path, what }) {
    throw failure(code, path === "" ? `the value is ${what}` : `\`${path}\` is ${what}`);
  }
}
