// Loading: files become a policy in force. The core verifies, and the store keeps what was verified, so that no older
// policy comes after it.

import { copied, isWellFormed } from "./bytes.js";
import { current, failure, inside, isOurs, start } from "./engine.js";
import { Policy as Loaded } from "./evaluator.js";
import { plainText } from "./plain.js";
import { FRESH } from "./status.js";

/** Bytes of a file that are copied in at all; the core's own limits lie below. */
const FILE_MOST = 32 * 1024 * 1024;
/** How long a policy may be on its way. */
const WAIT_MS = 30_000;
const OPTIONS = ["uid", "store", "guest", "clock", "log", "discharge", "status", "wasm"];

/** What `load` was given, checked for its form: what it says is the core's to judge. */
export async function read(files, source, trust, options, fetched) {
  await start(files);
  const unknown = Object.keys(options ?? {}).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) throw failure("module.options", `\`${unknown}\` is no option`);
  const { uid, store, guest, clock = () => Date.now() / 1000 } = options ?? {};
  if (typeof uid !== "string") throw failure("module.options", "`uid` is required: the policy that is expected");
  if (typeof store?.transact !== "function") throw failure("module.options", "`store` is required: `memory()` or one that lasts");
  const keys = typeof trust === "string" ? trust : plain(trust, "module.trust");
  const now = () => Math.floor(clock());
  const load = async (source, wait) => {
    const { file, signature } = await filesOf(source, (url) => fetched(url, wait));
    return accept(file, { trust: isWellFormed(keys) ? keys : "", uid, guest: guest ?? null, signature: signature ?? null }, now, store);
  };
  // What is fetched once can be fetched again.
  const again = typeof source === "string" || source instanceof URL ? `${source}` : undefined;
  return { load, loaded: await load(source), again, now, store, uid };
}

/** A source's bytes: given as they are, or to be fetched. */
async function filesOf(source, fetched) {
  if (typeof source === "string" || source instanceof URL) return fetched(source);
  const { file = source, signature } = source ?? {};
  return { file: bytes(file, "module"), signature: typeof signature === "string" ? signature : textOf(signature) };
}

/** The text of a signature; what is not UTF-8 is none, and the core refuses it as such. */
function textOf(signature) {
  return signature === undefined || signature === null ? undefined : new TextDecoder().decode(bytes(signature, "signature"));
}

function bytes(value, what) {
  const own = copied(value instanceof ArrayBuffer ? new Uint8Array(value) : value);
  if (own === undefined) throw failure("module.options", `the ${what} is not a \`Uint8Array\``);
  if (own.length > FILE_MOST) throw failure("module.size", `the ${what} is too large`);
  return own;
}

/** Fetches a policy and the signature that lies beside it: `policy.wasm` and `policy.bundle` share one. */
export async function overHttp(source, wait = WAIT_MS) {
  const get = async (url, otherwise) => {
    const unread = (error) => {
      throw failure("module.read", `\`${url}\` cannot be fetched`, error);
    };
    const response = await fetch(url, { ...FRESH, signal: AbortSignal.timeout(wait) }).catch(unread);
    if (response.status === 404 && otherwise) return undefined;
    if (!response.ok) throw failure("module.read", `\`${url}\`: status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer().catch(unread));
  };
  const [file, signature] = await Promise.all([get(source), get(beside(source), true)]);
  return { file: bytes(file, "module"), signature: textOf(signature) };
}

/** Where the signature lies. */
export function beside(source) {
  return `${source}`.replace(/(?:\.bundle|\.wasm)?(?=$|[?#])/, ".wasm.dsse.json");
}

/** Compares a policy with what the store keeps and keeps what was verified, in one step. */
async function accept(file, asked, now, store) {
  const key = `policy:${asked.uid}`;
  let loaded;
  await store.transact([key], (kept) => {
    const seen = kept.get(key);
    loaded = attempt(file, JSON.stringify({ ...asked, now: now(), seen: seen === undefined ? null : JSON.parse(seen.value) }));
    // A policy that has ended was verified all the same, and is remembered.
    return loaded.seen === undefined ? {} : { write: new Map([[key, { value: JSON.stringify(loaded.seen) }]]) };
  });
  if (loaded.code !== undefined) throw Object.assign(failure(loaded.code, loaded.admin), loaded.seen && { seen: loaded.seen });
  const again = JSON.stringify({ ...asked, now: loaded.statement.issued, seen: loaded.seen });
  return { ...loaded, again: () => Loaded.load(file, again) };
}

/** The policy with its statement, or why there is none. */
function attempt(file, asked) {
  try {
    const policy = inside(() => Loaded.load(file, asked));
    const { seen, ...statement } = JSON.parse(inside(() => policy.statement()));
    // Whether a proof is asked for, so that a challenge says it too.
    const { possession } = JSON.parse(inside(() => policy.info()));
    // What an instance made is of no use to the next one.
    return { policy, statement, seen, possession, instance: current() };
  } catch (error) {
    if (typeof error === "string") return JSON.parse(error);
    throw isOurs(error) ? error : failure("engine.trap", "the evaluator stopped", error);
  }
}

function plain(value, code) {
  try {
    return plainText(value);
  } catch ({ path, what }) {
    throw failure(code, path === "" ? `the value is ${what}` : `\`${path}\` is ${what}`);
  }
}
