// What users hold. It adds one thing to the evaluator: a fault inside it becomes a denial in the
// form of any other answer, and from then on this evaluator, whose memory nobody can vouch for any
// more, answers nothing else.

import startWasm, { PolicyModule as Core, trapDenial } from "./ambit_web.js";

let starting;
let denial;
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
  denial = trapDenial();
}

function guarded(body, onFault) {
  if (stopped) return onFault();
  try {
    return body();
  } catch {
    stopped = true;
    return onFault();
  }
}

function failure(code, message) {
  return Object.assign(new Error(message), { code });
}

const MADE_HERE = Symbol("made by load");

export class PolicyModule {
  #core;

  constructor(key, core) {
    if (key !== MADE_HERE) throw failure("module.unsigned", "a policy module is made by `PolicyModule.load` only");
    this.#core = core;
  }

  /** Verifies a signed policy module. Throws an `Error` with a `code` when it does not hold. */
  static load(file, detached, trust, options) {
    if (denial === undefined) throw failure("engine.not_started", "`await init()` first");
    if (stopped) throw failure("engine.trap", "the evaluator stopped");
    try {
      return new PolicyModule(MADE_HERE, Core.load(file, detached, trust, options));
    } catch (error) {
      if (typeof error?.code === "string") throw error;
      stopped = true;
      throw failure("engine.trap", "the evaluator stopped");
    }
  }

  // A module that was given back answers nothing; that is its caller's slip, not a fault inside.
  #ask(body, onFault) {
    const core = this.#core;
    return core === undefined ? onFault() : guarded(() => body(core), onFault);
  }

  /** Answers a request object. */
  evaluate(request) {
    return this.#ask((core) => core.evaluate(request), () => JSON.parse(denial));
  }

  /** Answers a request text in exactly the bytes of every other engine. */
  evaluateText(request) {
    return this.#ask((core) => core.evaluateText(request), () => denial);
  }

  /** The same for UTF-8 bytes. */
  evaluateBytes(request) {
    return this.#ask((core) => core.evaluateBytes(request), () => new TextEncoder().encode(denial));
  }

  /** Says what would help after a denial of this request. */
  advise(request) {
    return this.#ask((core) => core.advise(request), () => JSON.parse(denial));
  }

  /** The same for a text. */
  adviseText(request) {
    return this.#ask((core) => core.adviseText(request), () => denial);
  }

  /** Puts capabilities into words. */
  describe(request) {
    return this.#ask((core) => core.describe(request), () => JSON.parse(denial));
  }

  /** The same for a text. */
  describeText(request) {
    return this.#ask((core) => core.describeText(request), () => denial);
  }

  /** Says which policy this is. */
  info() {
    return this.#ask((core) => core.info(), () => JSON.parse(denial));
  }

  /** The same as text. */
  infoText() {
    return this.#ask((core) => core.infoText(), () => denial);
  }

  /** What to keep, and to give as `options.seen` the next time. */
  get seen() {
    return this.#core?.seen;
  }

  /** Gives the memory back. From then on every answer is a denial. */
  free() {
    this.#core?.free();
    this.#core = undefined;
  }
}
