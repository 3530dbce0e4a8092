// `<ambit-consent>`: a page on which a person can judge a grant, or a call, in ten seconds.
//
// It lays out what the evaluator says and adds no word to it, drops none, and moves none: what stands in its text is
// the `text` that a receipt proves. It holds no key and decides nothing.

import { asText, laidOut, STYLE, worded } from "./consent-layout.js";

/** How long the buttons do nothing after the page came into view: a click that was meant for another window is none. */
const ASLEEP_MS = 700;

const WORDS = {
  en: {
    denied: "Do not allow", less: "Allow less", approved: "Allow", choices: "Allow only",
    busy: "One moment …", said: { approved: "You allowed this.", denied: "You did not allow this." },
    failed: "That did not work. Nothing was allowed.",
  },
  de: {
    denied: "Nicht erlauben", less: "Weniger erlauben", approved: "Erlauben", choices: "Nur erlauben",
    busy: "Einen Moment …", said: { approved: "Sie haben das erlaubt.", denied: "Sie haben das nicht erlaubt." },
    failed: "Das hat nicht geklappt. Nichts wurde erlaubt.",
  },
};

const Base = globalThis.HTMLElement ?? class {};

export class AmbitConsent extends Base {
  #consent;
  /** The narrower choices by which the text that is shown was made, in this order: never those of another text. */
  #chosen = [];
  /** What was asked for last, until a text comes. */
  #wanted;
  #state = "open";
  #awake;
  #wake = () => this.#sleep();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    root.append(make("div", "text"), make("div", "answer"));
  }

  connectedCallback() {
    globalThis.addEventListener("focus", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
    this.#sleep();
  }

  disconnectedCallback() {
    globalThis.removeEventListener("focus", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    clearTimeout(this.#awake);
  }

  get consent() {
    return this.#consent;
  }

  /** What `describe` gave, or the `display` of a call. Setting it asks anew. */
  set consent(consent) {
    if (typeof consent?.text !== "string") throw new TypeError("a consent has a `text`; see what `error` it has instead");
    this.#chosen = this.#takenBy(consent);
    this.#wanted = undefined;
    this.#consent = consent;
    this.#state = "open";
    const text = this.#part("text");
    text.lang = this.#locale;
    text.replaceChildren(laidOut(consent));
    // What has a part that the layout does not know is shown as it is.
    if (text.textContent !== consent.text) text.replaceChildren(asText(consent.text));
    this.#draw();
    this.#sleep();
  }

  get state() {
    return this.#state;
  }

  /** `open`, `busy` (a receipt is being signed), `approved`, `denied`, or `failed`: the buttons are there again. */
  set state(state) {
    if (!["open", "busy", "approved", "denied", "failed"].includes(state)) throw new TypeError(`no such state: ${state}`);
    this.#state = state;
    if (state !== "busy") this.#wanted = undefined;
    this.#draw();
    if (this.#canAnswer) this.#sleep();
  }

  /** The names of the narrower choices by which the text that is shown was made. */
  get choices() {
    return this.#chosen.map(({ choice }) => choice);
  }

  /**
   * The choices by which a text was made: it says so (`chosen`). One that does not is taken for what was asked for only
   * if it has what is left (`claims`), and offers nothing but what was offered before without what was taken.
   */
  #takenBy(consent) {
    const { chosen, claims, choices = [] } = consent;
    const { names = [], offered = [] } = this.#wanted ?? {};
    const called = (choice) => offered.find((one) => one.choice === choice) ?? { choice };
    if (Array.isArray(chosen)) return chosen.map(called);
    const left = offered.map(({ choice }) => choice).filter((choice) => !names.includes(choice));
    return claims && choices.every(({ choice }) => left.includes(choice)) ? names.map(called) : [];
  }

  get #locale() {
    return WORDS[this.#consent?.locale] ? this.#consent.locale : "en";
  }

  get #canAnswer() {
    return this.#consent !== undefined && (this.#state === "open" || this.#state === "failed");
  }

  #part(name) {
    return this.shadowRoot.querySelector(`[part=${name}]`);
  }

  #draw() {
    const words = WORDS[this.#locale];
    const answer = this.#part("answer");
    answer.lang = this.#locale;
    const said = { busy: words.busy, failed: words.failed, ...words.said }[this.#state];
    const status = make("p", "status");
    status.setAttribute("role", "status");
    status.textContent = said ?? "";
    answer.replaceChildren(...(this.#canAnswer ? this.#buttons(words) : []), status);
  }

  /** What may be chosen or taken back. A choice without a text of its own is shown by its name. */
  get #offered() {
    return [...this.#chosen, ...(this.#consent.choices ?? [])];
  }

  #buttons(words) {
    const choices = this.#offered;
    const row = make("div", "buttons");
    const button = (name, act) => {
      const made = make("button", name);
      made.type = "button";
      made.textContent = words[name];
      made.addEventListener("click", (event) => {
        if (event.isTrusted && !this.#isAsleep) act();
      });
      row.append(made);
      return made;
    };
    button("denied", () => this.#answer("denied"));
    if (choices.length === 0) {
      button("approved", () => this.#answer("approved"));
      return [row];
    }
    const list = this.#list(words, choices);
    const less = button("less", () => {
      list.hidden = !list.hidden;
      less.setAttribute("aria-expanded", String(!list.hidden));
    });
    less.setAttribute("aria-expanded", String(!list.hidden));
    button("approved", () => this.#answer("approved"));
    return [list, row];
  }

  #list(words, choices) {
    const list = make("fieldset", "choices");
    list.hidden = this.#chosen.length === 0;
    const legend = document.createElement("legend");
    legend.textContent = words.choices;
    list.append(legend);
    for (const [at, one] of choices.entries()) {
      // No `label`: what it does to its box counts as a person's doing, even where a script clicked the label.
      const row = make("div", "choice");
      const box = document.createElement("input");
      const name = document.createElement("span");
      box.type = "checkbox";
      name.id = `choice-${at}`;
      name.append(...worded(one.text ?? one.choice));
      box.setAttribute("aria-labelledby", name.id);
      const was = (box.checked = this.#chosen.includes(one));
      row.addEventListener("click", (event) => {
        event.preventDefault();
        if (event.isTrusted && !this.#isAsleep) this.#choose(one, !was);
      });
      // A box shows by what the text was made, and not what a script did to it; its `change` is no sign of a person.
      box.addEventListener("change", () => (box.checked = was));
      row.append(box, " ", name);
      list.append(row);
    }
    return list;
  }

  /** Asks for the text of what is left: until that is here, nothing can be answered. */
  #choose(one, isTaken) {
    const taken = isTaken ? [...this.#chosen, one] : this.#chosen.filter((other) => other !== one);
    const choices = taken.map(({ choice }) => choice);
    this.#wanted = { names: choices, offered: this.#offered };
    this.state = "busy";
    this.dispatchEvent(new CustomEvent("ambit-choices", { detail: { choices } }));
  }

  #answer(decision) {
    const { text_s256, binding_s256, locale, renderer } = this.#consent;
    this.state = "busy";
    this.dispatchEvent(
      new CustomEvent("ambit-answer", {
        detail: { decision, choices: this.choices, text_s256, binding_s256, locale, renderer },
      }),
    );
  }

  #isAsleep = true;

  #sleep() {
    this.#isAsleep = true;
    this.toggleAttribute("data-asleep", true);
    clearTimeout(this.#awake);
    this.#awake = setTimeout(() => {
      this.#isAsleep = false;
      this.toggleAttribute("data-asleep", false);
    }, ASLEEP_MS);
  }
}

function make(name, partName) {
  const made = document.createElement(name);
  made.setAttribute("part", partName);
  return made;
}

if (globalThis.customElements && !customElements.get("ambit-consent")) customElements.define("ambit-consent", AmbitConsent);
