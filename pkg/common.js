// What every entry has besides `load`.

export { NotDischarged } from "./enforcing.js";
export { Policy } from "./policy.js";
export { AmbitStore, durableObject } from "./stores/durable-object.js";
export { indexedDb } from "./stores/indexed-db.js";
export { memory } from "./stores/memory.js";
