// The window in which a person decides. The page cannot reach it: it is the extension's, and nothing of the extension can
// be framed or opened by a page.

import "./evaluator/consent.js";

/** How long the buttons do nothing after the window came into view: a click that was meant for another is none. */
const ASLEEP_MS = 700;

const id = location.hash.slice(1);
const at = (name) => document.getElementById(name);
let shown;
let waking;
let isAsleep = true;
/** Whether the end of what is sent was in view: nobody says yes to what they did not see. */
let wasRead = false;
let reading;

function read() {
  wasRead = false;
  at("send").disabled = true;
  reading?.disconnect();
  // The buttons lie over the end of the window.
  const rootMargin = `0px 0px -${document.querySelector(".foot").offsetHeight}px 0px`;
  reading = new IntersectionObserver((seen) => {
    wasRead ||= seen.some(({ isIntersecting }) => isIntersecting);
    at("send").disabled = !wasRead;
  }, { rootMargin });
  reading.observe(at("end"));
}

function sleep() {
  isAsleep = true;
  document.body.classList.add("asleep");
  clearTimeout(waking);
  waking = setTimeout(() => {
    isAsleep = !document.hasFocus();
    document.body.classList.toggle("asleep", isAsleep);
  }, ASLEEP_MS);
}

addEventListener("focus", sleep);
addEventListener("blur", sleep);
document.addEventListener("visibilitychange", sleep);

async function draw() {
  shown = await chrome.runtime.sendMessage({ type: "waiting", id });
  document.querySelector("main").hidden = shown?.message === undefined;
  if (shown?.message === undefined) return say("This e-mail waits no longer.");
  const { message, outside, why, display } = shown;
  const all = ["to", "cc", "bcc"].flatMap((field) => message[field].map((one) => ({ field, one, isOutside: outside.includes(one) })));
  const order = [...all.filter(({ isOutside }) => isOutside), ...all.filter(({ isOutside }) => !isOutside)];
  at("recipients").replaceChildren(...order.map(({ field, one, isOutside }) => recipient(field, one, isOutside)));
  at("subject").replaceChildren(foreign(message.subject) ?? "none");
  const attachments = message.attachments.map(({ name, kind, bytes }) => item(foreign(name) ?? "without a name", ` (${kind || "of no kind"}, ${bytes.toLocaleString("en")} bytes)`));
  at("attachments").replaceChildren(...(attachments.length > 0 ? attachments : [item("none")]));
  at("body").replaceChildren(foreign(message.body) ?? "It has no text.");
  const who = outside.length === 1 ? " One recipient is outside of your organisation." : ` ${outside.length} recipients are outside of your organisation.`;
  at("why").textContent = `Its grant lets the assistant send this only with your yes [${why.code}].${outside.length > 0 ? who : ""}`;
  document.querySelector("ambit-consent").consent = display;
  read();
  sleep();
}

function recipient(field, address, isOutside) {
  const made = item({ to: "To ", cc: "Copy to ", bcc: "Hidden copy to " }[field], foreign(address));
  made.className = isOutside ? "to outside" : "to";
  if (isOutside) {
    const mark = document.createElement("span");
    mark.className = "mark";
    mark.textContent = "outside";
    made.append(" ", mark);
  }
  return made;
}

function item(...content) {
  const made = document.createElement("li");
  made.append(...content);
  return made;
}

/** A text of others: what shows nothing or turns the reading round is written out, and so is more than a few marks on a letter. */
function foreign(text) {
  if (text === "") return undefined;
  const made = document.createElement("bdi");
  made.textContent = text.replaceAll(/[^\P{C}\n\t]|[\p{Zl}\p{Zp}\u00ad\u115f\u1160\u3164\uffa0]|(?<=\p{M}{3})\p{M}/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);
  return made;
}

const say = (words) => (at("said").textContent = words);

for (const decision of ["draft", "stop", "send"]) {
  at(decision).addEventListener("click", async (event) => {
    if (!event.isTrusted || isAsleep || shown?.message === undefined || (decision === "send" && !wasRead)) return;
    const { binding_s256 } = shown;
    shown = undefined;
    const said = await chrome.runtime.sendMessage({ type: "answer", id, decision, binding_s256 });
    say(said.words);
    if (said.outcome === "changed") await draw();
    else document.querySelector("main").hidden = true;
  });
}

await draw();
