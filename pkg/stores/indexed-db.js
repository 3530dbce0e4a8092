// A store in the browser: it outlives the page, and pages and workers of one origin share it.

const TABLE = "kept";

/** Keeps values in an IndexedDB of this name. */
export function indexedDb(name = "ambit") {
  let opening;
  const database = () => (opening ??= open(name, () => (opening = undefined)).catch((error) => {
    opening = undefined;
    throw error;
  }));
  return {
    async transact(keys, decide) {
      return step(await database(), keys, decide);
    },
  };
}

function open(name, closed) {
  return new Promise((done, fail) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "key" }).createIndex("until", "until");
    request.onerror = () => fail(request.error);
    request.onblocked = () => fail(new Error("another page holds an older version of this store"));
    request.onsuccess = () => {
      const database = request.result;
      database.onclose = closed;
      // Who deletes or raises the store must not wait for this page.
      database.onversionchange = () => (database.close(), closed());
      done(database);
    };
  });
}

/** One transaction: nothing is awaited in it, or the browser would end it. */
function step(database, keys, decide) {
  return new Promise((done, fail) => {
    // On the disk before the call that it pays for happens.
    const transaction = database.transaction(TABLE, "readwrite", { durability: "strict" });
    const table = transaction.objectStore(TABLE);
    let fault;
    transaction.oncomplete = () => done();
    transaction.onabort = () => fail(fault ?? transaction.error ?? new Error("the store was not written"));
    const found = new Map();
    const decided = () => {
      try {
        write(table, decide(found));
      } catch (error) {
        fault = error;
        transaction.abort();
      }
    };
    if (keys.length === 0) return decided();
    let open = keys.length;
    for (const key of keys) {
      const request = table.get(key);
      request.onsuccess = () => {
        if (request.result !== undefined) found.set(key, { value: request.result.value, until: request.result.until });
        open -= 1;
        if (open === 0) decided();
      };
    }
  });
}

function write(table, { write = new Map(), forget }) {
  // A member that is `undefined` is in no index.
  for (const [key, { value, until }] of write) table.put({ key, value, ...(until !== undefined && { until }) });
  if (forget === undefined) return;
  const cursors = table.index("until").openCursor(IDBKeyRange.upperBound(forget, true));
  cursors.onsuccess = () => {
    cursors.result?.delete();
    cursors.result?.continue();
  };
}
