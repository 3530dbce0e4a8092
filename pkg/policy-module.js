// What users hold. It adds three things to the evaluator: only plain data and bytes of our own reach
// it; a fault inside it becomes a denial in the form of any other answer; and since nobody can vouch
// for the memory of an evaluator that stopped, the next call gets a new instance of the same code.
//
// Advice and consent texts are in a second wasm file, which is loaded when they are first asked for.

import { copied, isWellFormed } from "./bytes.js";
import { compiled, Engine } from "./engine.js";
import { plainText } from "./plain.js";

/**
 * Bytes of a request, and of a module, that are copied in at all. The evaluator's own limits are lower and
 * give the same answer everywhere; these only keep memory from growing without end.
 */
const REQUEST_MOST = 32 * 1024 * 1024;
const MODULE_MOST = 32 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const utf8 = (text) => encoder.encode(text);
const utf16 = (bytes) => decoder.decode(bytes);

let starting;
/** What is said when nothing in there can run any more. */
let denial;
let fault;
let code;
let engine;
/** Which instance of the compiled code runs; 0 before the first. */
let instance = 0;
let stopped = false;

let adviceInput;
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
  code = await compiled(input());
  engine = await Engine.start(code);
  denial = refused("engine.trap", "the evaluator stopped");
  fault = utf16(engine.ask("ambit_http", utf8(JSON.stringify({ answer: JSON.parse(denial) }))));
  adviceInput = advice;
  instance = 1;
}

/** The compiled second file; a load that failed may be tried again. */
function second() {
  if (adviceInput === undefined) throw failure("engine.not_started", "`await init()` first");
  adviceCode ??= compiled(adviceInput()).catch((error) => {
    adviceCode = undefined;
    throw Object.assign(failure("engine.advice", "the wasm file of advice cannot be loaded"), { cause: error });
  });
  return adviceCode;
}

/** Runs what calls the evaluator, which throws nothing: what is thrown is a fault of the evaluator's. */
function inside(body) {
  if (stopped) {
    engine = Engine.again(code);
    instance += 1;
    stopped = false;
  }
  try {
    return body();
  } catch (error) {
    stopped = true;
    throw error;
  }
}

/** A denial of the host's own, in the form of every other answer. Never throws after `init`. */
export function refuse(code, admin = "") {
  return said("ambit_refuse", { code, admin }, denial);
}

/** What HTTP says for a denial: `{status, headers, problem}`. Never throws after `init`. */
export function httpResponse(answer, { nonce } = {}) {
  return said("ambit_http", { answer, nonce }, fault);
}

function said(name, request, otherwise) {
  if (instance === 0) throw failure("engine.not_started", "`await init()` first");
  try {
    const own = utf8(plainText(request, true));
    return JSON.parse(utf16(inside(() => engine.ask(name, own))));
  } catch {
    return JSON.parse(otherwise);
  }
}

/** The denial of what was found wrong out here. */
function refused(code, admin) {
  return utf16(engine.ask("ambit_refuse", utf8(JSON.stringify({ code, admin }))));
}

/** The denial of a value that JSON cannot say. A name may have half a surrogate pair. */
function unsayable(path, what) {
  return utf16(engine.ask("ambit_unsayable", utf8(JSON.stringify({ path: utf16(utf8(path)), what }))));
}

function failure(code, message) {
  return Object.assign(new Error(message), { code });
}

const MADE_HERE = Symbol("made by load");

export class PolicyModule {
  /** What `load` was given, so that the module can be loaded again; `undefined` once given back. */
  #input;
  /** Its number in the instance that it was loaded into. */
  #number;
  #instance;
  #seen;

  constructor(key, input, loaded) {
    if (key !== MADE_HERE) throw failure("module.unsigned", "a policy module is made by `PolicyModule.load` only");
    this.#input = input;
    this.#number = loaded.policy;
    this.#instance = instance;
    this.#seen = loaded.seen;
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
      ...(detached === undefined || detached === null ? [0, 0] : [bytes(detached, "signature")]),
      utf8(isWellFormed(keys) ? keys : ""),
      utf8(plain(options, "module.options", true)),
    ];
    let loaded;
    try {
      loaded = inside(() => loadInto(input));
    } catch {
      throw failure("engine.trap", "the evaluator stopped");
    }
    const { error, seen } = loaded;
    if (error === undefined) return new PolicyModule(MADE_HERE, input, loaded);
    throw Object.assign(failure(error.code, error.message), seen && { seen });
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
      this.#number = loadInto(this.#input).policy;
      this.#instance = instance;
    }
    return this.#number;
  }

  /** The answer to UTF-8 bytes. */
  #evaluate(request) {
    return this.#ask((number) => engine.ask("ambit_evaluate", number, request));
  }

  /** The same of another export, to a text. */
  #said(name, request) {
    return this.#noText(request) ?? text(this.#ask((number) => engine.ask(name, number, utf8(request))));
  }

  /** Answers a request object. What JSON cannot say is denied. */
  evaluate(request) {
    return this.#plain(request, (text) => this.evaluateText(text));
  }

  /** Answers a request text in exactly the bytes of every other engine. */
  evaluateText(request) {
    return this.#said("ambit_evaluate", request);
  }

  /** The same for UTF-8 bytes. */
  evaluateBytes(request) {
    const own = copied(request);
    const answer = this.#noBytes(own) ?? this.#evaluate(own);
    return typeof answer === "string" ? utf8(answer) : answer;
  }

  /** Says what would help after a denial of this request. */
  async advise(request) {
    const { text, denial } = this.#read(request);
    return JSON.parse(denial ?? (await this.adviseText(text)));
  }

  /** The same for a text. */
  async adviseText(request) {
    const fault = this.#noText(request);
    return fault ?? this.#advise(utf8(request));
  }

  /** The second file has no evaluator: what it wants judged goes to the first. */
  async #advise(request) {
    const code = await second();
    let outcome;
    const judge = (at, length) => {
      outcome = engine.ask("ambit_assume", this.#number, request, adviser.copy(at, length));
      return outcome.length;
    };
    const judged = (at) => adviser.write(at, outcome);
    const adviser = await Engine.start(code, { ambit: { judge, judged } });
    const advice = this.#ask((number) => {
      const situation = engine.ask("ambit_situation", number, request);
      return adviser.ask("ambit_advise", engine.look("ambit_bundle", number), situation);
    });
    return text(advice);
  }

  /** The digest of the call in a request, and what a person is shown of it. */
  digest(request) {
    return this.#plain(request, (text) => this.digestText(text));
  }

  /** The same for a text. */
  digestText(request) {
    return this.#said("ambit_digest", request);
  }

  /** What is to be signed for a proof, a further block or a receipt. */
  signingInput(request) {
    return this.#plain(request, (text) => this.signingInputText(text));
  }

  /** The same for a text. */
  signingInputText(request) {
    return this.#said("ambit_signing_input", request);
  }

  /** Puts capabilities into words. */
  async describe(request) {
    let asked;
    try {
      asked = plainText(request);
    } catch ({ code, path, what }) {
      return { error: { code, at: path, admin: `the value is ${what}, which JSON cannot say` } };
    }
    return JSON.parse(await this.describeText(asked));
  }

  /** The same for a text. */
  async describeText(request) {
    const fault = this.#noText(request);
    if (fault !== undefined) return fault;
    const own = utf8(request);
    const nobody = () => 0;
    const adviser = await Engine.start(await second(), { ambit: { judge: nobody, judged: nobody } });
    return text(this.#ask((number) => adviser.ask("ambit_describe", engine.look("ambit_bundle", number), own)));
  }

  /** Says which policy this is. */
  info() {
    return JSON.parse(this.infoText());
  }

  /** The same as text. */
  infoText() {
    return text(this.#ask((number) => engine.ask("ambit_info", number)));
  }

  /** What to keep, and to give as `options.seen` the next time. */
  get seen() {
    return this.#input && { ...this.#seen };
  }

  /** Gives the memory back. From then on every answer is a denial. */
  free() {
    if (this.#input !== undefined && this.#instance === instance && !stopped) {
      this.#ask((number) => engine.run("ambit_unload", number));
    }
    this.#input = undefined;
  }

  /** The text of an object, or the denial of what JSON cannot say. */
  #read(request) {
    try {
      return { text: plainText(request) };
    } catch ({ code, path, what }) {
      return { denial: this.#ask(() => (code === "request.size" ? tooLong() : unsayable(path, what))) };
    }
  }

  #plain(request, answer) {
    const { text, denial } = this.#read(request);
    return JSON.parse(denial ?? answer(text));
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

function loadInto(input) {
  return JSON.parse(utf16(engine.ask("ambit_load", ...input)));
}

function text(answer) {
  return typeof answer === "string" ? answer : utf16(answer);
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
