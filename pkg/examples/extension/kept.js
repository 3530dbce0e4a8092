// What lasts: keys, papers and the last decisions, in an IndexedDB of the extension. Content scripts cannot reach it, and
// of a key only its signatures come out.

import { createKeys } from "./evaluator/approver.js";

const TABLE = "kept";
const DECISIONS = 20;

let opening;

function database() {
  return (opening ??= new Promise((done, fail) => {
    const request = indexedDB.open("guard", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    request.onerror = () => fail(request.error);
    request.onsuccess = () => done(request.result);
  }));
}

/** Reads `name`, and writes what `change` gives for it, if anything, in one step; `null` deletes. */
async function step(name, change = () => undefined) {
  const transaction = (await database()).transaction(TABLE, "readwrite", { durability: "strict" });
  const table = transaction.objectStore(TABLE);
  return new Promise((done, fail) => {
    let now;
    const request = table.get(name);
    request.onsuccess = () => {
      const wanted = change(request.result);
      now = wanted === undefined ? request.result : (wanted ?? undefined);
      if (wanted === null) table.delete(name);
      else if (wanted !== undefined) table.put(wanted, name);
    };
    transaction.oncomplete = () => done(now);
    transaction.onabort = () => fail(transaction.error);
  });
}

/** The agent's key (`holder`), or the person's (`approver`): two, because who acts never approves. */
export async function keys(name) {
  const found = await step(name);
  if (found !== undefined) return found;
  const made = await createKeys("ES256");
  // Somebody else may have been quicker.
  return step(name, (there) => (there === undefined ? made : undefined));
}

/** `{ token, mailbox, enrolments }`, or nothing: then nothing is sent. */
export const papers = () => step("papers");
export const keepPapers = (papers) => step("papers", () => papers);

/** Ends what the agent may do here: without its token and the key for it nobody can go on. */
export async function endPapers() {
  await step("papers", () => null);
  await step("holder", () => null);
}

/** The last decisions, newest first. */
export const decisions = async () => (await step("decisions")) ?? [];
export const note = (decision) =>
  step("decisions", (before = []) => [{ at: Date.now(), ...decision }, ...before].slice(0, DECISIONS));
