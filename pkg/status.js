// Discharges the obligation `status` with signed lists. The store keeps each list, so that no older one counts later.

import { isWellFormed } from "./bytes.js";
import { failure, need, rule } from "./engine.js";

/** How often what others kept in the meantime is looked at. */
const TRIES = 8;
/** How long a list may be on its way. */
const WAIT_MS = 5000;

/** An obligation was not done, so the call must not happen. `code` is the reason, where it is one of the list. */
export class NotDischarged extends Error {
  constructor(admin, code) {
    super(admin);
    this.name = "NotDischarged";
    this.code = code;
  }
}

export function statusHandler({ sources, fetch: get = fetched } = {}, store) {
  if (!Array.isArray(sources)) throw failure("module.options", "`status.sources` is no list");
  /** Who asks for one list at the same time shares the fetch. */
  const fetching = new Map();
  const shared = (uri, most) => {
    const started = fetching.get(uri) ?? (async () => get(uri, most))();
    const done = () => fetching.get(uri) === started && fetching.delete(uri);
    if (fetching.get(uri) !== started) {
      fetching.set(uri, started);
      started.then(done, done);
    }
    // In a worker, the fetch of a request that was cancelled never ends: nobody may wait for it for ever.
    let timer;
    const late = new Promise((_, fail) => (timer = setTimeout(() => (done(), fail(new Error("too late"))), 2 * WAIT_MS)));
    return Promise.race([started, late]).finally(() => clearTimeout(timer));
  };
  return async ({ ext, now }) => {
    await need("host");
    const key = `status:${ext.uri}`;
    const asked = { sources, ext, now };
    for (let turn = 0; turn < TRIES; turn += 1) {
      const before = await keep(store, key);
      const kept = before === undefined ? null : JSON.parse(before);
      let said = rule("status", { ...asked, kept });
      if (said.fetch !== undefined) {
        const { fetch, most } = said;
        // Shown again where the core is asked once more.
        asked.fetched = await shared(fetch, most).then((list) => within(`${list}`, most), () => ({ failed: "the list cannot be fetched" }));
        said = rule("status", { ...asked, kept });
      }
      // Somebody else may have kept another one in the meantime.
      if (said.keep !== undefined && (await keep(store, key, before, JSON.stringify(said.keep))) !== before) continue;
      if (said.result?.done === true) return;
      throw new NotDischarged(said.result?.failed ?? "the core asks again for a list that it was given", said.result?.code);
    }
    throw new NotDischarged("what is kept of the status list changes all the time");
  };
}

/** A list that fits, and has a UTF-8 form. */
function within(list, most) {
  const fits = isWellFormed(list) && new TextEncoder().encode(list).length <= most;
  return fits ? { list } : { failed: "the list is too long, or no text" };
}

/** What is kept; with `after`, which is kept instead unless that is no longer `before`. */
async function keep(store, key, before, after) {
  let found;
  await store.transact([key], (kept) => {
    found = kept.get(key)?.value;
    return after === undefined || found !== before ? {} : { write: new Map([[key, { value: after }]]) };
  });
  return found;
}

/** A browser may keep what has no lifetime of its own for days, and what was revoked must be seen; others keep nothing, and some know no `cache`. */
export const FRESH = (() => {
  try {
    new Request("https://policy.invalid", { cache: "no-store" });
    return { cache: "no-store" };
  } catch {
    return {};
  }
})();

/** What is at a URL, of at most so many bytes. workerd does not know `redirect: "error"`; one that is not followed is not `ok`. */
export async function fetched(url, most) {
  const response = await fetch(url, { ...FRESH, redirect: "manual", signal: AbortSignal.timeout(WAIT_MS) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const chunks = [];
  let size = 0;
  for (let reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new Error("the list is too long");
    }
    chunks.push(value);
  }
  return new Blob(chunks).text();
}
