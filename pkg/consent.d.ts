import type { ConsentText } from "./index.js";

/** What a person said. A receipt is made of it by whoever holds that person's key. */
export interface ConsentAnswer {
  decision: "approved" | "denied";
  /** The narrower choices that were taken: those that `describe` was asked with. */
  choices: string[];
  text_s256: string;
  /** Only for whole `claims`. */
  binding_s256?: string;
  locale: string;
  renderer: string;
}

export type ConsentState = "open" | "busy" | "approved" | "denied" | "failed";

/** What is shown: a grant as `describe` gives it, or the `display` of a call. */
export type Shown = Pick<ConsentText, "text" | "text_s256" | "locale" | "renderer"> & Partial<ConsentText>;

/**
 * `<ambit-consent>`: lays out what the evaluator says of a grant or a call, without a word more or less.
 *
 * Set `consent`, and listen for `ambit-answer` (a `ConsentAnswer`) and `ambit-choices` (`{ choices }`: ask `describe`
 * again with them, and set `consent`). Choices belong to the text that was made by them (`chosen`); a text that was put
 * in its place has its own. After either the element is `busy` until `consent` or `state` is set.
 * Never put it into a page that an agent can touch.
 */
export class AmbitConsent extends HTMLElement {
  consent: Shown | undefined;
  state: ConsentState;
  readonly choices: string[];
}

declare global {
  interface HTMLElementTagNameMap {
    "ambit-consent": AmbitConsent;
  }
  interface HTMLElementEventMap {
    "ambit-answer": CustomEvent<ConsentAnswer>;
    "ambit-choices": CustomEvent<{ choices: string[] }>;
  }
}
