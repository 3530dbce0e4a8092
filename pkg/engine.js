// The evaluator's instance. A fault inside it becomes a denial in the form of any other answer; and since nobody can
// vouch for the memory of an evaluator that stopped, the next call gets a new instance of the same code.
//
// What deciding does not need is in further wasm files, `host.wasm` and `advice.wasm`. Each joins the instance of the
// first when it is first asked for. Until then, the functions of the first that lead there are traps.

import startEvaluator, {
  __wbg_reset_state as renew,
  consume,
  enforce,
  http,
  initSync as running,
  refuse as refuseText,
  status,
} from "./evaluator.js";
import { plainText } from "./plain.js";

let starting;
/** What is said when nothing in there can run any more, as text, and what HTTP says of it. */
let denial;
let fault;
/** Which instance of the compiled code runs; 0 before the first. */
let instance = 0;
let stopped = false;

/** Where the files are: functions that give each as code, bytes, or something to fetch. */
let sources;
/** Of each further file the start of it, and its code once it has joined. */
const further = new Map();
const joined = new Map();

/** Starts the wasm code once; a start that failed may be tried again. */
export function start(files) {
  starting ??= run(files).catch((error) => {
    starting = undefined;
    throw failure("engine.start", "the wasm file of the evaluator cannot be loaded", error);
  });
  return starting;
}

async function run(files) {
  await startEvaluator({ module_or_path: await compiled(await files.evaluator()) });
  denial = refuseText('{"code":"engine.trap","admin":"the evaluator stopped"}');
  fault = http(JSON.stringify({ answer: JSON.parse(denial) }));
  sources = files;
  instance = 1;
}

/** Makes what a further file has usable; a start that failed may be tried again. */
export function need(name) {
  if (instance === 0) throw failure("engine.not_started", "`await load(…)` first");
  if (!further.has(name)) {
    const started = runFurther(name).catch((error) => {
      further.delete(name);
      throw isOurs(error) ? error : failure(`engine.${name}`, `the wasm file \`${name}.wasm\` cannot be loaded`, error);
    });
    further.set(name, started);
  }
  return further.get(name);
}

async function runFurther(name) {
  // The build for speed is one file.
  const exports = running();
  const build = Object.keys(exports).find((name) => name.startsWith("build-"));
  if (build === undefined) return;
  const code = await compiled(await sources[name]());
  // Among what it wants is a name that only the first file of the same build has.
  const wanted = WebAssembly.Module.imports(code).map(({ name }) => name);
  if (!wanted.includes(build) || !wanted.every((name) => Object.hasOwn(exports, name))) {
    throw failure(`engine.${name}`, `\`${name}.wasm\` is not of one build with the evaluator: install the package anew`);
  }
  inside(() => join(code));
  joined.set(name, code);
}

/** Gives the functions of a further file to the instance of the first that runs. */
function join(code) {
  new WebAssembly.Instance(code, { e: running() });
}

async function compiled(input) {
  // Also where it is one of another realm, as in the edge runtime of Next.
  if (Object.prototype.toString.call(input) === "[object WebAssembly.Module]") return input;
  if (ArrayBuffer.isView(input) || input instanceof ArrayBuffer) return WebAssembly.compile(input);
  const response = input instanceof Response ? input : await fetch(input);
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  const isWasm = response.headers.get("content-type")?.startsWith("application/wasm");
  // While it comes in only where its type is right: nothing else is taken then.
  return isWasm ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

/** Runs what calls the evaluator. What it throws without a code is a fault of the evaluator's. */
export function inside(body) {
  if (stopped) {
    renew();
    for (const code of joined.values()) join(code);
    instance += 1;
    stopped = false;
  }
  try {
    return body();
  } catch (error) {
    // What is refused comes as a text.
    stopped ||= typeof error !== "string" && !isOurs(error);
    throw error;
  }
}

/**
 * Whether the evaluator threw this, with a code of ours. One that every object inherits, or that the
 * engine gives its own faults, says nothing.
 */
export function isOurs(error) {
  return error instanceof Error && Object.hasOwn(error, "code") && /^[a-z_]+(\.[a-z_]+)+$/.test(error.code);
}

export function failure(code, message, cause) {
  const error = Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { code });
  error.name = "AmbitError";
  return error;
}

/** Which instance runs, and whether it has not stopped. */
export const current = () => instance;
export const isSound = () => !stopped;

/** What is said when the evaluator has stopped. */
export const stoppedText = () => denial;
export const stoppedHttp = () => JSON.parse(fault);

const RULES = { enforce, consume, status };

/** Asks a rule of a host, whose file has joined. Throws where the evaluator stops. */
export function rule(name, asked, ...more) {
  const text = JSON.stringify(asked);
  try {
    return JSON.parse(inside(() => RULES[name](text, ...more)));
  } catch (error) {
    throw failure("engine.trap", "the evaluator stopped", error);
  }
}

/** A denial of the host's own, in the form of every other answer. Never throws after `load`. */
export function refuse(code, admin = "") {
  return JSON.parse(refusal(code, admin));
}

/** The same as text. */
export function refusal(code, admin) {
  return said(refuseText, { code, admin }, denial);
}

/** What HTTP says for a denial: `{status, headers, problem}`. Never throws after `load`. */
export function httpOf(answer, { nonce, possession } = {}) {
  return JSON.parse(said(http, { answer, nonce, possession }, fault));
}

function said(body, request, otherwise) {
  if (instance === 0) throw failure("engine.not_started", "`await load(…)` first");
  try {
    const text = plainText(request, true);
    return inside(() => body(text));
  } catch {
    return otherwise;
  }
}
