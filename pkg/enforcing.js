// Obeying an answer. The core says what is to be done next (`abi.md`, "Obeying an answer"); here it is done.

import { failure, need, refuse, rule, stoppedHttp } from "./engine.js";
import { NotDischarged, statusHandler } from "./status.js";

/** What a host does with an answer: keeps numbers, hands out lines, and has the embedder's functions do the rest. */
export class Enforcer {
  #key;
  #store;
  #log;
  #handlers;
  /** Epochs that were heard and the store did not take: nothing is allowed by less. */
  #unsaved = new Map();

  constructor(uid, store, { log, discharge = {}, status } = {}) {
    const handlers = Object.entries(discharge);
    if (log !== undefined && typeof log !== "function") throw failure("module.options", "`log` is no function");
    for (const [type, handler] of handlers) {
      if (type === "consume") throw failure("module.options", "`consume` is done by the store: leave it out of `discharge`");
      if (typeof handler !== "function") throw failure("module.options", `\`discharge.${type}\` is no function`);
    }
    this.#key = `epochs:${uid}`;
    this.#store = store;
    this.#log = log;
    this.#handlers = new Map([["consume", (obligation) => this.#consume(obligation)], ...handlers]);
    if (status !== undefined) this.#handlers.set("status", statusHandler(status, store));
  }

  /** Does what the core says until it gives a verdict. `answer` is a text, of a policy with this `possession`. */
  async verdict(answer, possession, nonce) {
    try {
      await need("host");
      const asked = { answer, knows: [...this.#handlers.keys()], journal: this.#log !== undefined, epochs: true, results: [], nonce };
      const id = crypto.randomUUID();
      let cause;
      for (;;) {
        const step = rule("enforce", asked, possession);
        if (step.do === "verdict") return verdict(step, answer, cause);
        const result = await this.#do(step, id).catch((error) => failed((cause = error)));
        asked.results.push(result ?? { done: true });
      }
    } catch (error) {
      // The rules themselves could not be asked.
      const admin = "the answer was not enforced: " + (error.message ?? "");
      return verdict({ permitted: false, discharged: [], answer: refuse("engine.trap", admin), http: stoppedHttp() }, answer, error);
    }
  }

  async #do({ do: what, ...step }, id) {
    switch (what) {
      case "keep":
        return { kept: Object.fromEntries(await this.keep(step.epochs)) };
      case "log":
        await this.#log({ id, ...step });
        return undefined;
      case "discharge":
        if ((await this.#handlers.get(step.type)(step)) === undefined) return undefined;
        throw new NotDischarged(`the function for \`${step.type}\` returned something`);
      default:
        throw failure("engine.trap", "the core asks for a step that this host does not know");
    }
  }

  /** Remembers versions of epochs for good, the highest of each issuer, and gives those that were known before. */
  async keep(epochs) {
    const raised = (kept, more) => {
      for (const [iss, version] of more) kept.set(iss, Math.max(version, kept.get(iss) ?? 0));
      return kept;
    };
    const before = new Map(this.#unsaved);
    raised(this.#unsaved, epochs.map(({ iss, version }) => [iss, version]));
    const heard = new Map(this.#unsaved);
    let known;
    await this.#store.transact([this.#key], (kept) => {
      const text = kept.get(this.#key)?.value ?? "{}";
      known = new Map(Object.entries(JSON.parse(text)));
      const after = JSON.stringify(Object.fromEntries(raised(new Map(known), heard)));
      return heard.size === 0 || after === text ? {} : { write: new Map([[this.#key, { value: after }]]) };
    });
    for (const [iss, version] of heard) if (this.#unsaved.get(iss) <= version) this.#unsaved.delete(iss);
    return raised(before, known);
  }

  /** Checks and adds all charges in one atomic step, by the numbers that the core gives. */
  async #consume({ ext, now }) {
    const keys = ext.charges.map(({ key }) => key);
    await this.#store.transact(["forgotten", ...new Set(keys.map((key) => `budget:${key}`))], (kept) => {
      const budget = (one) => (one === undefined ? null : { used: Number(one.value), until: one.until ?? null });
      const budgets = Object.fromEntries(keys.map((key) => [key, budget(kept.get(`budget:${key}`))]));
      const said = rule("consume", { ext, now, budgets, forgotten: Number(kept.get("forgotten")?.value ?? 0) });
      if (said.failed !== undefined) throw new NotDischarged(said.failed, said.code);
      const write = new Map(said.set.map(({ key, used, until }) => [`budget:${key}`, { value: `${used}`, until: until ?? undefined }]));
      if (said.forget !== undefined) write.set("forgotten", { value: `${said.forget}` });
      return { write, forget: said.forget };
    });
  }
}

/** What came of a step that was not done. The text of what another function threw may have anything of the call in it. */
function failed(error) {
  if (!(error instanceof NotDischarged)) return { failed: `the function threw ${error instanceof Error ? "an error" : "a value"}` };
  const words = `${error.message}`.replaceAll(/\p{Cs}/gu, "?");
  return typeof error.code === "string" ? { failed: words, code: error.code } : { failed: words };
}

/** What users get. */
function verdict({ permitted, discharged, answer, http }, asked, cause) {
  if (permitted === true) return { permitted, discharged, answer: JSON.parse(asked) };
  return {
    permitted: false,
    discharged,
    answer,
    http,
    cause,
    get response() {
      return responseOf(http);
    },
  };
}

/** A denial as a `Response`: every header, and the problem as its body. */
export function responseOf({ status, headers, problem }) {
  return new Response(JSON.stringify(problem), { status, headers });
}
