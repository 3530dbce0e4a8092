// Bytes that are ours: a copy is taken before they reach the evaluator, so that nothing there meets
// a buffer that went elsewhere, is shared, or pretends.

const tag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;

/** A copy of a `Uint8Array` of any realm; `undefined` for another value, or where its buffer is gone. */
export function copied(value) {
  try {
    return tag.call(value) === "Uint8Array" ? new Uint8Array(value) : undefined;
  } catch {
    return undefined;
  }
}

// A pair of surrogates is one character here, so only half a pair is found.
const HALF_PAIR = /\p{Cs}/u;

/** Whether a text has a UTF-8 form. */
export function isWellFormed(text) {
  return text.isWellFormed?.() ?? !HALF_PAIR.test(text);
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}
