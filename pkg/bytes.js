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
