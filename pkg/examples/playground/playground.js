// A page that shows what a policy says of a request. It allows nothing: it only looks, so its store ends with each
// look, and its time is that of the last request that had one.

import { AmbitConsent } from "./npm/consent.js";
import { load as loadPolicy, memory } from "./npm/index.js";

const form = document.querySelector("#given");
const files = {};
/** What was asked last: an answer that comes later than the next question is dropped. */
let asked = 0;
let now = Math.floor(Date.now() / 1000);

const element = (name, text, className = "") => Object.assign(document.createElement(name), { textContent: text, className });

/** Fills a section under its heading, or hides it. */
function show(id, ...content) {
  const section = document.getElementById(id);
  section.hidden = content.length === 0;
  section.replaceChildren(section.querySelector("h2"), ...content);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The parts of a block as text, or `undefined`: what is shown of a token is only decoded, the answer verifies it. */
function decoded(block) {
  const text = (part) => {
    const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (it) => it.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  };
  try {
    const [header, claims, signature] = block.split(".");
    return signature === undefined ? undefined : { header: text(header), claims: text(claims) };
  } catch {
    return undefined;
  }
}

/** JSON with line ends, its numbers digit for digit. */
function spread(json) {
  if (parsed(json) === undefined) return json;
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return json.replace(/("(?:[^"\\]|\\.)*")|\s+|[{}[\],:]/g, (piece, string) => {
    if (string) return string;
    if (piece === "{" || piece === "[") return (depth += 1), piece + line();
    if (piece === "}" || piece === "]") return (depth -= 1), line() + piece;
    return { ",": `,${line()}`, ":": ": " }[piece] ?? "";
  });
}

async function load() {
  const { policy, signature, trust } = files;
  if (policy === undefined || trust === undefined) {
    show("policy", element("p", "Choose a policy (`policy.bundle` with its signature, or `policy.wasm`) and the trusted keys."));
    return undefined;
  }
  try {
    const options = { uid: form.uid.value.trim(), store: memory(), clock: () => now };
    const loaded = await loadPolicy({ file: policy, signature }, new TextDecoder().decode(trust), options);
    show("policy", element("p", "Its signature holds.", "yes"), element("pre", spread(await loaded.raw("info"))));
    return loaded;
  } catch (error) {
    show("policy", element("p", `It is refused: ${error.message} [${error.code}]`, "no"));
    return undefined;
  }
}

/** The request as text, so that the digits of numbers stay as they were written. */
function request() {
  const text = form.request.value.trim();
  const token = form.token.value.trim();
  const whole = parsed(text);
  if (token === "" || typeof whole !== "object" || whole === null || "token" in whole) return text;
  return text.replace(/\}\s*$/, `${Object.keys(whole).length > 0 ? "," : ""}"token":${JSON.stringify(token)}}`);
}

function chain(token) {
  const blocks = token.split("~").map((block, place) => {
    const details = element("details", "");
    details.append(element("summary", place === 0 ? "Root: who granted what" : `Block ${place}: narrowed for another agent`));
    const parts = decoded(block);
    if (parts === undefined) details.append(element("p", "This is no signed block.", "no"));
    else details.append(element("pre", spread(parts.header)), element("pre", spread(parts.claims)));
    return details;
  });
  if (blocks.length > 0) blocks[0].open = true;
  return [element("p", "Decoded, not verified here: the answer verifies it."), ...blocks];
}

function answerOf(text) {
  const { decision, context } = JSON.parse(text);
  const { reason, obligations = [] } = context;
  const lines = [element("p", `${decision ? "Allowed" : "Denied"} [${reason.code}]`, decision ? "yes" : "no")];
  if (!decision) lines.push(element("p", reason.user), element("p", `For administrators: ${reason.admin}`));
  if (decision) {
    const kinds = obligations.map(({ type }) => type).join(", ");
    lines.push(element("p", `To be done first: ${kinds === "" ? "nothing" : kinds}`));
  }
  const all = element("details", "");
  all.append(element("summary", "The whole answer"), element("pre", spread(text)));
  return [...lines, all];
}

function consent(said) {
  if (typeof said?.text !== "string") return [element("p", said?.error ? `${said.error.admin} [${said.error.code}]` : "It has no text.")];
  const shown = new AmbitConsent();
  shown.consent = said;
  // Nobody is asked here.
  shown.shadowRoot.querySelector("[part=answer]").remove();
  return [shown];
}

async function ask() {
  const mine = ++asked;
  const text = request();
  const whole = parsed(text);
  const token = typeof whole?.token === "string" ? whole.token : form.token.value.trim();
  show("chain", ...(token ? chain(token) : []));
  if (Number.isSafeInteger(whole?.facts?.now)) now = whole.facts.now;
  const policy = await load();
  if (mine !== asked) return policy?.free();
  for (const id of ["advice", "call", "grant"]) show(id);
  if (policy === undefined || text === "") {
    show("answer", element("p", text === "" ? "No request yet." : "No policy yet."));
    policy?.free();
    return;
  }
  const answer = policy.evaluateText(text);
  show("answer", ...answerOf(answer));
  const claims = decoded(token?.split("~")[0] ?? "")?.claims;
  const [advice, call, grant] = await Promise.all([
    policy.raw("advise", text).then(parsed),
    policy.raw("digest", text).then(parsed),
    claims && policy.raw("describe", `{"now":${now},"claims":${claims}}`).then(parsed),
  ]);
  policy.free();
  if (mine !== asked) return;
  const ways = (advice.alternatives ?? []).map((one) => element("li", one.judged ? one.text : `${one.text} (needs a new token)`));
  const list = element("ol", "");
  list.append(...ways);
  if (!JSON.parse(answer).decision) show("advice", ways.length > 0 ? list : element("p", "Nothing that the evaluator knows of."));
  if (call.display) show("call", ...consent(call.display));
  if (grant) show("grant", ...consent(grant));
}

async function take(name, file) {
  keep(name, file && new Uint8Array(await file.arrayBuffer()));
}

/** What was pasted in a file's place: bytes in base64, or the text itself. What is no base64 is no policy either. */
function paste(name, text) {
  if (text.trim() === "") return keep(name, undefined);
  const written = text.replace(/\s/g, "").replaceAll("-", "+").replaceAll("_", "/");
  const bytes = () => Uint8Array.from(atob(written), (it) => it.charCodeAt(0));
  try {
    keep(name, name === "policy" ? bytes() : new TextEncoder().encode(text));
  } catch {
    keep(name, new Uint8Array());
  }
}

/** The last one counts, whether it was chosen or pasted. */
function keep(name, bytes) {
  files[name] = bytes;
  if (name === "signature" && form.uid.value === "") form.uid.value = named(files.signature);
}

/** The policy that a signature names: whether it does sign for it is seen when it is loaded. */
function named(signature) {
  try {
    const { payload } = JSON.parse(new TextDecoder().decode(signature));
    const bytes = Uint8Array.from(atob(payload), (it) => it.charCodeAt(0));
    const { uid } = JSON.parse(new TextDecoder().decode(bytes)).predicate;
    return typeof uid === "string" ? uid : "";
  } catch {
    return "";
  }
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", async ({ target }) => {
  const [, pasted] = /^(\w+)-text$/.exec(target.name) ?? [];
  if (pasted) paste(pasted, target.value);
  if (target.type === "file") await take(target.name, target.files[0]);
  await ask();
});

const drop = document.querySelector("fieldset");
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
  });
}
drop.addEventListener("drop", async ({ dataTransfer }) => {
  for (const file of dataTransfer.files) {
    const name = /\.dsse\.json$/.test(file.name) ? "signature" : /\.json$/.test(file.name) ? "trust" : "policy";
    await take(name, file);
    const chosen = new DataTransfer();
    chosen.items.add(file);
    form[name].files = chosen.files;
  }
  await ask();
});

document.documentElement.dataset.ready = "yes";
await ask();
