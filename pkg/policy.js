// What users hold. It adds to the evaluator that only plain data and bytes of our own reach it, and that a policy is
// there again after the evaluator was started anew.

import { copied, isWellFormed } from "./bytes.js";
import { Enforcer, responseOf } from "./enforcing.js";
import { current, failure, httpOf, inside, isSound, need, refusal, refuse, stoppedText } from "./engine.js";
import { unsayable } from "./evaluator.js";
import { read } from "./loading.js";
import { plainText } from "./plain.js";
import { fetched } from "./status.js";

/**
 * Bytes of a request that are copied in at all. The evaluator's own limits are lower and give the same answer
 * everywhere; this only keeps memory from growing without end.
 */
const REQUEST_MOST = 32 * 1024 * 1024;
/** The longest list of epochs that is fetched: no request takes more. */
const EPOCHS_MOST = 256 * 1024;
/** How many seconds after a failure `refresh` tries again, at the earliest, and how long it waits for a policy. */
const AGAIN = 5;

/** What is asked, by the file that it is in; `undefined`: in the first. */
const QUESTIONS = new Map([
  ["evaluate", undefined],
  ["info", undefined],
  ["request", "host"],
  ["ask", "host"],
  ["epochs", "host"],
  ["digest", "host"],
  ["signingInput", "host"],
  ["advise", "advice"],
  ["describe", "advice"],
]);

const MADE_HERE = Symbol("made by load");

/** Makes `load` of an entry: `files` says where its wasm is, `fetched` how it reads a policy that is named. */
export function loader(files, fetched) {
  return async (source, trust, options) => {
    const given = await read(files(options), source, trust, options, fetched);
    return new Policy(MADE_HERE, given, new Enforcer(given.uid, given.store, options));
  };
}

export class Policy {
  /** The policy in force, with how to load it again; `undefined` once given back. */
  #loaded;
  #load;
  #now;
  #enforcer;
  /** The newest list of revocation epochs of each issuer. */
  #epochs = new Map();
  /** Where the policy was fetched, if it was. */
  #source;
  /** When each place was asked, and for how many seconds that is enough (those that `refresh` says, if none). */
  #due = new Map();

  constructor(key, given, enforcer) {
    if (key !== MADE_HERE) throw failure("module.unsigned", "a policy is made by `load` only");
    this.#loaded = given.loaded;
    this.#load = given.load;
    this.#source = given.again;
    this.#due.set(this.#source, { since: given.now() });
    this.#now = given.now;
    this.#enforcer = enforcer;
  }

  /** What the signers say of the policy in force. */
  get statement() {
    return structuredClone(this.#loaded?.statement);
  }

  get #possession() {
    return this.#loaded?.possession ?? "required";
  }

  /** Decides. Never throws: what goes wrong is a denial. Nothing is obeyed yet: `enforce` does that. */
  async ask(question) {
    return JSON.parse(await this.#answer(question));
  }

  /** Decides, and does all that the answer obliges to. Act only where `permitted` is `true`. */
  async enforce(question, { nonce } = {}) {
    return this.#enforcer.verdict(await this.#answer(question), this.#possession, nonce);
  }

  /** Obeys an answer that was given before: a refusal of the service's own is written down so. */
  async obey(answer, { nonce } = {}) {
    const { text, denial } = this.#text(answer);
    return this.#enforcer.verdict(denial ?? text, this.#possession, nonce);
  }

  /** Makes a request of its parts, with the digest of its call and what is to be signed for it. */
  async request(parts) {
    return JSON.parse(await this.#later("ask", parts, (parts) => this.#whole(parts)));
  }

  /** Says what would help after a denial. */
  async advise(question) {
    return JSON.parse(await this.#of(question, "advise"));
  }

  /** The digest of a call, and what a person is shown of it. */
  async digest(question) {
    return JSON.parse(await this.#of(question, "digest"));
  }

  /** What is to be signed for a proof, a further block or a receipt. */
  async signingInput(asked) {
    return JSON.parse(await this.#later("signingInput", asked));
  }

  /** Puts capabilities into words. */
  async describe(asked) {
    let text;
    try {
      text = plainText(asked);
    } catch ({ code, path, what }) {
      return { error: { code, at: path, admin: `the value is ${what}, which JSON cannot say` } };
    }
    const said = JSON.parse(await this.raw("describe", text));
    // By which choices it was made: a page that shows it must not take it for another's.
    return said.error ? said : { ...said, chosen: [...(asked.choices ?? [])] };
  }

  /** Takes a newer policy, or newer revocation epochs, and never goes back. */
  async update(newer) {
    if (Object.hasOwn(newer ?? {}, "epochs")) return this.#takeEpochs(newer.epochs);
    return this.#take(await this.#load(newer));
  }

  #take(loaded) {
    // One that was accepted later may be in force already, and nothing may come back that was given back.
    if (this.#loaded === undefined || this.#loaded.statement.version > loaded.statement.version) {
      return { statement: loaded.statement };
    }
    this.#free();
    this.#loaded = loaded;
    return { statement: this.statement };
  }

  /**
   * Fetches the policy and the lists of epochs at these URLs, each where that was not done in the last seconds. Never rejects: what is
   * in force stays so until it ends, and why something was not taken is what this gives.
   */
  async refresh({ epochs = [], every = 60 } = {}) {
    const are = Array.isArray(epochs) && epochs.every((url) => typeof url === "string" || url instanceof URL);
    if (!are || !(every >= 0)) return [failure("module.options", "`epochs` is no list of URLs, or `every` no number of seconds")];
    const policy = async () => void this.#take(await this.#load(this.#source, AGAIN * 1000));
    const list = async (url) => (await this.#takeEpochs(await epochsAt(url))).before;
    const all = [...(this.#source === undefined ? [] : [this.#again(this.#source, every, policy)]), ...epochs.map((url) => this.#again(`${url}`, every, list))];
    return (await Promise.all(all)).filter((failed) => failed !== undefined);
  }

  /** Does it if it is due. Who comes in the meantime goes on with what is there; where nothing is there yet, they fetch, too. */
  async #again(place, every, take) {
    const now = this.#now();
    const known = this.#due.get(place);
    const wait = (wait) => this.#due.set(place, { since: now, wait });
    const soon = Math.min(AGAIN, every);
    // A clock that was set back does not put it off.
    if (known !== undefined && now >= known.since && now < known.since + (known.wait ?? every)) return undefined;
    if (known !== undefined) wait(soon);
    try {
      const before = await take(place);
      // A list is fetched anew at half its life, so that none is stale in between.
      wait(before === undefined ? undefined : Math.min(every, Math.max(soon, (before - now) / 2)));
      return undefined;
    } catch (error) {
      wait(soon);
      return error;
    }
  }

  async #takeEpochs(list) {
    const kept = await this.#enforcer.keep([]);
    const asked = { list, now: this.#now(), kept: Object.fromEntries(kept) };
    const said = JSON.parse(await this.#later("epochs", asked));
    if (said.keep !== undefined) {
      // Before anything else, so that no older list follows; somebody else may have kept a newer one.
      const before = await this.#enforcer.keep([said.keep]);
      if ((before.get(said.keep.iss) ?? 0) > said.keep.version) {
        throw failure("revocation.rollback", "a newer list of this issuer was seen");
      }
    }
    const { code, admin } = said.context?.reason ?? said;
    if (code !== undefined) throw failure(code, admin);
    // A newer one may have come while this one was kept.
    const known = this.#epochs.get(said.keep.iss);
    if ((known?.version ?? 0) <= said.keep.version) this.#epochs.set(said.keep.iss, { version: said.keep.version, list });
    return { before: said.exp };
  }

  #lists() {
    return [...this.#epochs.values()].map(({ list }) => list);
  }

  /** A denial of the service's own, in the form of any other. */
  refuse(code, admin = "") {
    return refuse(code, admin);
  }

  /** What HTTP says for a denial, as a `Response`. */
  response(answer, { nonce } = {}) {
    return responseOf(httpOf(answer, { nonce, possession: this.#possession }));
  }

  /** The answer to a text in exactly the bytes of every other engine. */
  async raw(question, request = "") {
    if (!QUESTIONS.has(question)) throw failure("engine.question", "there is no such question");
    const denial = this.#noText(request);
    if (denial !== undefined) return denial;
    const file = QUESTIONS.get(question);
    if (file !== undefined) await need(file);
    return this.#call(question, request);
  }

  /** The same for a decision, at once. */
  evaluateText(request) {
    return this.#noText(request) ?? this.#call("evaluate", request);
  }

  /** The same for UTF-8 bytes. */
  evaluateBytes(request) {
    const own = copied(request);
    const answer = this.#noBytes(own) ?? this.#call("evaluateBytes", own);
    return typeof answer === "string" ? new TextEncoder().encode(answer) : answer;
  }

  /** Gives the memory back. From then on every answer is a denial. */
  free() {
    this.#free();
    this.#loaded = undefined;
  }

  #free() {
    if (this.#loaded?.instance === current() && isSound()) {
      this.#inside((policy) => policy.free());
    }
  }

  /** The text of an answer to a question: a request as text, bytes or object, or its parts. */
  async #answer(question) {
    try {
      return await this.#of(question, "evaluate");
    } catch (error) {
      return refusal("engine.trap", `the request cannot be asked: ${error.code ?? "of an unknown fault"}`);
    }
  }

  async #of(question, name) {
    if (typeof question === "string") return this.raw(name, this.#textWithEpochs(question));
    const bytes = copied(question);
    // What is no UTF-8 is the evaluator's to refuse.
    if (bytes !== undefined) return isUtf8(bytes) ? this.#of(decoded(bytes), name) : decoded(this.evaluateBytes(bytes));
    if (!isParts(question)) return this.#later(name, question, (request) => this.#withEpochs(request));
    const said = JSON.parse(await this.#later("request", question, (parts) => this.#whole(parts)));
    return said.request === undefined ? JSON.stringify(said) : this.raw(name, said.request);
  }

  /** Parts with what this host knows and the caller did not say: the time, and the lists of epochs. */
  #whole(parts) {
    const facts = parts?.facts;
    if (typeof facts !== "object" || facts === null || Object.hasOwn(facts, "now")) return this.#withEpochs(parts);
    return this.#withEpochs({ ...parts, facts: { now: this.#now(), ...facts } });
  }

  #withEpochs(request) {
    if (this.#epochs.size === 0 || typeof request !== "object" || request === null || Object.hasOwn(request, "statements")) return request;
    return { ...request, statements: this.#lists() };
  }

  /** A text stays as it is, but for a member at its end. */
  #textWithEpochs(text) {
    if (this.#epochs.size === 0) return text;
    let request;
    try {
      request = JSON.parse(text);
    } catch {
      return text;
    }
    if (this.#withEpochs(request) === request || Array.isArray(request)) return text;
    const comma = Object.keys(request).length > 0 ? "," : "";
    return text.replace(/\}\s*$/, () => `${comma}"statements":${JSON.stringify(this.#lists())}}`);
  }

  async #later(question, request, added) {
    const { text, denial } = this.#text(request, added);
    return denial ?? this.raw(question, text);
  }

  /** The text of an object, or the denial of what JSON cannot say. What is `added` comes after that was seen. */
  #text(request, added = (request) => request) {
    try {
      const text = plainText(request);
      const whole = added(request);
      return { text: whole === request ? text : plainText(whole) };
    } catch ({ code, path, what }) {
      const unsaid = () => unsayable(path, what, code === "request.number");
      return { denial: code === "request.size" ? tooLong() : this.#inside(unsaid) };
    }
  }

  #call(question, request) {
    return this.#inside((policy) => policy[question](request));
  }

  /** What `body` makes of the evaluator's own policy. One that was given back answers nothing. */
  #inside(body) {
    if (this.#loaded === undefined) return stoppedText();
    try {
      return inside(() => body(this.#here()));
    } catch {
      return stoppedText();
    }
  }

  #here() {
    if (this.#loaded.instance !== current()) {
      this.#loaded.policy = this.#loaded.again();
      this.#loaded.instance = current();
    }
    return this.#loaded.policy;
  }

  /** The denial of what is no text, or one that has no UTF-8 form: what would stand for it is another. */
  #noText(request) {
    if (typeof request === "string" && request.length > REQUEST_MOST) return tooLong();
    if (typeof request === "string" && isWellFormed(request)) return undefined;
    return refusal("request.syntax", "the request is not a text");
  }

  #noBytes(request) {
    if (request === undefined) return refusal("request.syntax", "the request is not a `Uint8Array` whose buffer is there");
    return request.length > REQUEST_MOST ? tooLong() : undefined;
  }
}

/** Parts name the action at the top, a whole request in its `evaluation`. */
function isParts(question) {
  return typeof question === "object" && question !== null && Object.hasOwn(question, "action") && !Object.hasOwn(question, "evaluation");
}

const decoded = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** A list of epochs as it is served. */
async function epochsAt(url) {
  return (await fetched(url, EPOCHS_MOST).catch((error) => {
    throw failure("module.read", `\`${url}\` cannot be fetched`, error);
  })).trim();
}

function isUtf8(bytes) {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const tooLong = () => refusal("request.size", "the request is too long to be read");
