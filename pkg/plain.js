// A request as JSON text, with nothing lost. `JSON.stringify` leaves out what JSON cannot say
// (`undefined`, functions, what is inherited), writes other things for it (`null` for `Infinity`,
// `toJSON` for the object, the target for a proxy) and runs code of the caller while it does. Here
// each of these is refused: what is evaluated is what was given, or nothing is.

import { isWellFormed } from "./bytes.js";

const { getOwnPropertyDescriptor, getPrototypeOf, hasOwn, is, prototype: OBJECT } = Object;
const { ownKeys } = Reflect;
const { isArray, prototype: ARRAY } = Array;
const quote = JSON.stringify;

/** Nesting that is walked; the evaluator reads 32. */
const DEPTH = 64;
/** Characters that are written: no policy reads more bytes (256 KiB). */
const MOST = 256 * 1024;

/** More than 15 digits, zeros before them left out, in the shortest text of a number with a fraction. */
const DIGITS = /^-?[0.]*[1-9](?:\.?\d){15}/;

/** A value that is refused: where it stands, and what it is. */
export class Refused {
  constructor(path, what, code = "request.value") {
    Object.assign(this, { path, what, code });
  }
}

/**
 * The JSON text of plain data. Throws `Refused` for everything else. With `absent`, a member that is
 * `undefined` is one that is left out, as JavaScript writes optional ones.
 */
export function plainText(value, absent = false) {
  const writer = new Writer(absent);
  try {
    writer.value(value, []);
    // The only way to know a proxy: it answers whoever reads it, but cannot be copied.
    structuredClone(value);
  } catch (error) {
    throw error instanceof Refused ? error : new Refused("", "an object that is not plain data");
  }
  return writer.text;
}

class Writer {
  text = "";
  #absent;
  #within = [];

  constructor(absent) {
    this.#absent = absent;
  }

  value(value, path) {
    switch (typeof value) {
      case "boolean":
        return this.#write(value ? "true" : "false");
      case "string":
        return this.#string(value, path);
      case "number":
        if (!Number.isFinite(value) || is(value, -0)) refuse(path, is(value, -0) ? "-0" : `${value}`);
        // What a double says in at most 15 digits is the number that was meant; more is what a sum left behind.
        if (!Number.isInteger(value) && DIGITS.test(`${value}`)) {
          throw new Refused(path.join("."), `${value}, a number of more than 15 digits`, "request.number");
        }
        return this.#write(`${value}`);
      case "object":
        return value === null ? this.#write("null") : this.#object(value, path);
      default:
        // `undefined`, functions, symbols, and `bigint`, which readers of JSON round.
        return refuse(path, `of the type ${typeof value}`);
    }
  }

  #write(text) {
    this.text += text;
    if (this.text.length > MOST) throw new Refused("", "too long", "request.size");
  }

  #string(value, path) {
    if (value.length > MOST) throw new Refused("", "too long", "request.size");
    if (!isWellFormed(value)) refuse(path, "a text with half a surrogate pair");
    this.#write(quote(value));
  }

  #object(value, path) {
    if (this.#within.includes(value)) refuse(path, "an object inside itself");
    if (this.#within.length === DEPTH) refuse(path, "nested too deeply");
    this.#within.push(value);
    if (isArray(value)) this.#elements(value, path);
    else this.#members(value, path);
    this.#within.pop();
  }

  #elements(array, path) {
    if (getPrototypeOf(array) !== ARRAY) refuse(path, "an array of a class");
    const { length } = array;
    // The elements and `length`: fewer is a gap, more is a member that JSON's arrays do not have.
    if (ownKeys(array).length !== length + 1) refuse(path, "an array with gaps or members");
    this.#write("[");
    for (let at = 0; at < length; at += 1) {
      if (at > 0) this.#write(",");
      const place = [...path, at];
      this.value(own(array, `${at}`, place), place);
    }
    this.#write("]");
  }

  #members(object, path) {
    const parent = getPrototypeOf(object);
    if (parent !== OBJECT && parent !== null) refuse(path, "an object of a class");
    let separator = "";
    this.#write("{");
    for (const name of ownKeys(object)) {
      if (typeof name === "symbol") refuse(path, "an object with a member named by a symbol");
      const place = [...path, name];
      const value = own(object, name, place);
      if (this.#absent && value === undefined) continue;
      this.#write(separator);
      this.#string(name, path);
      this.#write(":");
      this.value(value, place);
      separator = ",";
    }
    this.#write("}");
  }
}

/** A member as it is stored: no getter runs, and nothing is inherited. */
function own(object, name, path) {
  const stored = getOwnPropertyDescriptor(object, name);
  // A descriptor inherits as well: somebody may have put a `value` there.
  if (stored === undefined || !hasOwn(stored, "value")) refuse(path, "not stored, but computed");
  if (!stored.enumerable) refuse(path, "hidden");
  return stored.value;
}

function refuse(path, what) {
  throw new Refused(path.join("."), what);
}
