// What every entry has besides `load`.

export { Policy } from "./policy.js";
export { shown } from "./shown.js";
export { NotDischarged } from "./status.js";
export { AmbitStore, durableObject } from "./stores/durable-object.js";
export { indexedDb } from "./stores/indexed-db.js";
export { memory } from "./stores/memory.js";
