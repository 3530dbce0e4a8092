// What the assistant may do here and for how long, what was decided last, and the end of it.

import "./evaluator/consent.js";

const OUTCOMES = { sent: "Sent", draft: "Kept as a draft", refused: "Not sent", unknown: "Perhaps sent", stopped: "Stopped" };
const at = (name) => document.getElementById(name);

async function draw() {
  const { consent, exp, decisions = [], words } = await chrome.runtime.sendMessage({ type: "state" });
  const seconds = Math.floor((exp ?? 0) - Date.now() / 1000);
  const has = consent?.text !== undefined;
  at("left").textContent = words ?? (!has ? "The assistant has no grant: it sends nothing." : seconds > 0 ? `${left(seconds)} left` : "The grant has ended: it sends nothing.");
  const element = document.querySelector("ambit-consent");
  element.hidden = !has;
  if (has) element.consent = consent;
  at("stop").hidden = exp === undefined;
  at("setup").hidden = exp !== undefined && seconds > 0;
  const rows = decisions.map(({ at, outcome, to = [], subject, code, words }) => {
    const row = document.createElement("li");
    const time = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    row.append(`${time} · ${OUTCOMES[outcome] ?? outcome}`);
    if (to.length > 0) row.append(" · ", foreign(to.join(", ")));
    if (subject) row.append(" · ", foreign(subject));
    if (code) row.append(document.createElement("br"), `${words} [${code}]`);
    return row;
  });
  const none = Object.assign(document.createElement("li"), { textContent: "Nothing yet." });
  at("decisions").replaceChildren(...(rows.length > 0 ? rows : [none]));
}

function left(seconds) {
  const minutes = Math.ceil(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

function foreign(text) {
  const made = document.createElement("bdi");
  made.textContent = text.replaceAll(/\p{C}/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);
  return made;
}

at("stop").addEventListener("click", async (event) => {
  if (!event.isTrusted) return;
  await chrome.runtime.sendMessage({ type: "stop" });
  await draw();
});
at("setup").addEventListener("click", () => chrome.runtime.openOptionsPage());

await draw();
