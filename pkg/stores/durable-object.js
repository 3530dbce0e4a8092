// A store in a Durable Object: all workers of an account share it. The worker decides, and the object writes only if
// what the worker decided by is still so; else the worker decides again.

const PLACE = "https://store.invalid/";
/** How often others may have been quicker. */
const TRIES = 64;
/** What one call of the storage takes. */
const AT_ONCE = 128;

/** Keeps values in the object of this name: `durableObject(env.AMBIT)`. */
export function durableObject(namespace, name = "ambit") {
  const ask = async (asked) => {
    const answer = await namespace.get(namespace.idFromName(name)).fetch(PLACE, { method: "POST", body: JSON.stringify(asked) });
    if (!answer.ok) throw new Error(`the store answered with status ${answer.status}`);
    return answer.json();
  };
  return {
    async transact(keys, decide) {
      let { kept } = await ask({ keys });
      for (let turn = 0; turn < TRIES; turn += 1) {
        const found = kept.filter(([, one]) => one !== null).map(([key, [value, until]]) => [key, { value, until: until ?? undefined }]);
        const { write = new Map(), forget } = decide(new Map(found));
        if (write.size === 0 && forget === undefined) return;
        const written = [...write].map(([key, { value, until }]) => [key, [value, until ?? null]]);
        const answer = await ask({ keys, kept, write: written, forget });
        if (answer.done) return;
        kept = answer.kept;
      }
      throw new Error("the store changes all the time");
    },
  };
}

/** The class of the object: export it from the worker, and bind it. */
export class AmbitStore {
  #storage;

  constructor(state) {
    this.#storage = state.storage;
  }

  async fetch(request) {
    const { keys, kept, write, forget } = await request.json();
    const answer = await this.#storage.transaction(async (storage) => {
      const now = await read(storage, keys);
      if (write === undefined || JSON.stringify(now) !== JSON.stringify(kept)) return { kept: now };
      await put(storage, write);
      if (forget !== undefined) await sweep(storage, forget);
      return { done: true };
    });
    return Response.json(answer);
  }
}

async function read(storage, keys) {
  const found = new Map();
  for (const some of parts(keys.map(place))) for (const [key, one] of await storage.get(some)) found.set(key, one);
  return keys.map((key) => [key, found.get(place(key)) ?? null]);
}

/** Beside each value that ends, its key stands where a sweep finds it. */
async function put(storage, write) {
  const before = await read(storage, write.map(([key]) => key));
  const gone = before.filter(([, one]) => typeof one?.[1] === "number").map(([key, [, until]]) => mark(until, key));
  for (const some of parts(gone)) await storage.delete(some);
  const values = write.map(([key, one]) => [place(key), one]);
  const marks = write.filter(([, [, until]]) => until !== null).map(([key, [, until]]) => [mark(until, key), place(key)]);
  for (const some of parts([...values, ...marks])) await storage.put(Object.fromEntries(some));
}

async function sweep(storage, forget) {
  const ended = [...(await storage.list({ start: "until:", end: mark(forget, "") }))];
  for (const some of parts(ended.flat())) await storage.delete(some);
}

const place = (key) => `kept:${key}`;
/** In the order of time. */
const mark = (until, key) => `until:${`${Math.max(until, 0)}`.padStart(16, "0")}:${key}`;

function parts(list) {
  return Array.from({ length: Math.ceil(list.length / AT_ONCE) }, (_, at) => list.slice(at * AT_ONCE, (at + 1) * AT_ONCE));
}
