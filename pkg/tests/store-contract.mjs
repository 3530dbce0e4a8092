// What every store must keep to, for a store of your own as well: `contract(make)` gives the names of what does not hold.
// `make` gives one more view of the same empty store, as another worker or page would have it. It needs no test runner,
// so it runs in a page and in a worker too.

export async function contract(make) {
  const broken = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    const place = `${name}: `;
    try {
      // Of one store: each check has keys of its own.
      await check(make, (key) => `${place}${key}`);
    } catch (error) {
      broken.push(`${name}: ${error.message}`);
    }
  }
  return broken;
}

const read = async (store, ...keys) => {
  let found;
  await store.transact(keys, (kept) => ((found = kept), {}));
  return found;
};
const write = (store, entries, forget) => store.transact(entries.map(([key]) => key), () => ({ write: new Map(entries), forget }));
const same = (one, two, what) => {
  const [a, b] = [one, two].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${what}: ${a}, wanted ${b}`);
};
const rejected = async (promise, what) => {
  const error = await promise.then(() => undefined, (error) => error);
  if (error === undefined) throw new Error(`${what} is fulfilled`);
  return error;
};

/** Takes one of `most`, or none: as a budget is charged. */
const take = (store, key, most) =>
  store.transact([key], (kept) => {
    const used = Number(kept.get(key)?.value ?? 0);
    if (used >= most) throw new Error("used up");
    return { write: new Map([[key, { value: `${used + 1}`, until: 4_000_000_000 }]]) };
  });

const CHECKS = {
  "what was written is there": async (make, key) => {
    const store = make();
    same((await read(store, key("a"))).size, 0, "before");
    await write(store, [[key("a"), { value: "1" }], [key("b"), { value: "ü\u0000", until: 4_000_000_000 }]]);
    const found = await read(make(), key("a"), key("b"), key("c"));
    same([...found.keys()].sort(), [key("a"), key("b")], "keys");
    same(found.get(key("a")).until ?? null, null, "without an end");
    same([found.get(key("b")).value, found.get(key("b")).until], ["ü\u0000", 4_000_000_000], "with one");
    await write(store, [[key("b"), { value: "2" }]]);
    same((await read(store, key("b"))).get(key("b")).until ?? null, null, "an end that was taken off");
  },
  "names are nothing but names": async (make, key) => {
    const names = ["__proto__", "constructor", "until:0", "budget:x/ü", "a".repeat(1031)].map((name) => (name.length > 1000 ? name : key(name)));
    await write(make(), names.map((name, at) => [name, { value: `${at}` }]));
    const found = await read(make(), ...names);
    same(names.map((name) => found.get(name)?.value), names.map((_, at) => `${at}`), "values");
  },
  "all or nothing": async (make, key) => {
    const store = make();
    await write(store, [[key("a"), { value: "1" }]]);
    const fault = new Error("no");
    const error = await rejected(store.transact([key("a"), key("b")], () => {
      throw fault;
    }), "what decides throws, and it");
    same(error === fault, true, "the same error");
    same([(await read(store, key("a"))).get(key("a")).value, (await read(store, key("b"))).size], ["1", 0], "after an error");
    const half = new Map([[key("a"), { value: "2" }], [key("b"), undefined]]);
    await rejected(store.transact([key("a")], () => ({ write: half })), "a change that is none");
    same((await read(store, key("a"))).get(key("a")).value, "1", "after a change that is none");
  },
  "never twice": async (make, key) => {
    const stores = [make(), make(), make()];
    const taken = await Promise.allSettled(Array.from({ length: 24 }, (_, at) => take(stores[at % 3], key("budget"), 5)));
    same(taken.filter(({ status }) => status === "fulfilled").length, 5, "of 5, at once");
    same((await read(make(), key("budget"))).get(key("budget")).value, "5", "what is kept");
    await rejected(take(make(), key("budget"), 5), "one more");
  },
  "two keys in one step": async (make, key) => {
    const move = (store, from, to) =>
      store.transact([key(from), key(to)], (kept) => {
        const number = (name) => Number(kept.get(key(name))?.value ?? 50);
        if (number(from) + number(to) !== 100) throw new Error("a step was seen half done");
        return { write: new Map([[key(from), { value: `${number(from) - 1}` }], [key(to), { value: `${number(to) + 1}` }]]) };
      });
    await Promise.all(Array.from({ length: 16 }, (_, at) => move(make(), ...(at % 3 ? ["a", "b"] : ["b", "a"]))));
  },
  "the highest is kept": async (make, key) => {
    const raise = (store, version) =>
      store.transact([key("v")], (kept) => {
        const before = Number(kept.get(key("v"))?.value ?? 0);
        return version > before ? { write: new Map([[key("v"), { value: `${version}` }]]) } : {};
      });
    await Promise.all([3, 9, 1, 7, 2, 8].map((version) => raise(make(), version)));
    same((await read(make(), key("v"))).get(key("v")).value, "9", "of six at once");
  },
  "what has ended is forgotten, and nothing else": async (make, key) => {
    const store = make();
    const ends = [undefined, 99, 100, 101, 10_000_000_000].map((until, at) => [key(`${at}`), { value: "1", until }]);
    await write(store, ends);
    await write(store, [[key("1 again"), { value: "1", until: 99 }]]);
    // What lasts longer now than it was to at first.
    await write(store, [[key("1 again"), { value: "2", until: 200 }]]);
    await write(store, [], 100);
    const found = await read(make(), ...ends.map(([name]) => name), key("1 again"));
    same([...found.keys()].sort(), [0, 2, 3, 4, "1 again"].map((at) => key(`${at}`)).sort(), "left");
  },
  "many in one step": async (make, key) => {
    const many = Array.from({ length: 300 }, (_, at) => [key(`${at}`), { value: `${at}`, until: 50 + at }]);
    await write(make(), many);
    same((await read(make(), ...many.map(([name]) => name))).size, 300, "written");
    await write(make(), [], 200);
    same((await read(make(), ...many.map(([name]) => name))).size, 150, "left");
  },
  "what changes meanwhile is decided again": async (make, key) => {
    const [one, two] = [make(), make()];
    await Promise.all([take(one, key("a"), 9), take(two, key("a"), 9), read(one, key("a"))]);
    same((await read(one, key("a"))).get(key("a")).value, "2", "both");
  },
};
