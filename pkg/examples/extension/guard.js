// What happens to an e-mail that the page offers: it is sent, held for a person, or refused.

import "./service.js";
import { endPapers, note, papers } from "./kept.js";
import { approve, judge, sendTo, shown } from "./judge.js";
import { args, isOutside, read, Unfit } from "./message.js";

const { drafts, origin, own } = globalThis.SERVICE;
const held = (id) => `hold:${id}`;

let turn = Promise.resolve();
/** One after another: two answers to one question must not both count. */
const inTurn = (body) => (turn = turn.catch(() => undefined).then(body));

/** Judges what a page offers. `invited`: a person pressed the button, as far as the page's process can be believed. */
export function offer(offered, tab, invited) {
  return inTurn(async () => {
    let message;
    try {
      message = read({ ...offered, id: crypto.randomUUID() });
    } catch (error) {
      if (error instanceof Unfit) return refuse({ to: [] }, { code: error.code, words: error.message });
      throw error;
    }
    const call = await args(message);
    const { permitted, headers, held, refused } = await judge(call);
    if (permitted) return send(message, headers);
    if (refused) return refuse(message, refused);
    return hold({ message, args: call, tab, invited }, held);
  });
}

/** Keeps exactly this for a person, and opens the window in which they are asked. */
async function hold({ message, args, tab, invited }, { binding_s256, display, why }) {
  if (display === undefined) return refuse(message, { code: "guard.unshown", words: "This cannot be shown to you in full, so it is not sent." });
  const others = await holds();
  // Nobody is to be worn down by windows: one that no person asked for waits for no other, and each page has one.
  if (others.some((one) => one.tab === tab || (!invited && !one.invited))) {
    return refuse(message, { code: "guard.busy", words: "Another e-mail waits for you already. Answer that first, then send this one again." });
  }
  const id = crypto.randomUUID();
  const one = { id, message, args, tab, invited: invited === true, binding_s256, display, why, outside: outsiders(message) };
  await chrome.storage.session.set({ [held(id)]: one });
  const opening = chrome.windows.create({ url: `dialog.html#${id}`, type: "popup", width: 560, height: 760, focused: true });
  const window = await opening.catch(() => undefined);
  if (window === undefined) {
    await chrome.storage.session.remove(held(id));
    return refuse(message, { code: "guard.unshown", words: "The window that asks you could not be opened." });
  }
  await chrome.storage.session.set({ [held(id)]: { ...one, window: window.id } });
  await badge();
  return { outcome: "held", words: "Held: answer in the window of Ambit. Nothing was sent yet." };
}

const outsiders = ({ to, cc, bcc }) => [...to, ...cc, ...bcc].filter((one) => isOutside(one, own));

/** What a person's window shows. */
export async function waiting(id) {
  const one = (await chrome.storage.session.get(held(id)))[held(id)];
  if (one === undefined) return undefined;
  const { message, display, binding_s256, why, outside } = one;
  const attachments = message.attachments.map(({ name, kind, data }) => ({ name, kind, bytes: Math.floor((data.length * 3) / 4) - data.split("=").length + 1 }));
  return { message: { ...message, attachments }, display, binding_s256, why, outside };
}

/** A person's answer: `send`, `draft` or `stop`. It is about what they were shown: `binding_s256` names it. */
export function answer(id, decision, binding_s256) {
  if (decision === "stop") return stop();
  return inTurn(async () => {
    const one = (await chrome.storage.session.get(held(id)))[held(id)];
    if (one === undefined || one.binding_s256 !== binding_s256) return { outcome: "gone", words: "This waits no longer. Nothing was sent." };
    if (decision === "draft") return end(one, await draft(one.message));
    if (decision !== "send") return { outcome: "gone", words: "There is no such answer." };
    const now = await shown(one.args);
    if (now?.display && (now.display.text_s256 !== one.display.text_s256 || now.binding_s256 !== one.binding_s256)) {
      const { display, binding_s256 } = now;
      await chrome.storage.session.set({ [held(id)]: { ...one, display, binding_s256 } });
      return { outcome: "changed", words: "The rules have changed meanwhile: read it once more." };
    }
    // From here on nobody answers it a second time, whatever comes.
    await chrome.storage.session.remove(held(id));
    return end(one, await released(one, now));
  });
}

async function released({ message, args }, now) {
  let judged;
  try {
    const receipts = now?.display && [await approve(args, now)];
    judged = await judge(args, receipts || undefined);
  } catch (error) {
    // It waits no longer, so its person is told here or nowhere.
    return refuse(message, { code: error.code ?? "guard.fault", words: error.message });
  }
  const { permitted, headers, held, refused } = judged;
  return permitted ? send(message, headers) : refuse(message, refused ?? held.why);
}

/** The window was closed without an answer. */
export async function closed(window) {
  const one = (await holds()).find((one) => one.window === window);
  if (one) await inTurn(async () => {
    const there = (await chrome.storage.session.get(held(one.id)))[held(one.id)];
    if (there) await end(there, refuse(there.message, { code: "guard.closed", words: "You closed the window. Nothing was sent." }));
  });
}

/** Ends what the agent may do, at once: what waits is not sent. Nobody waits for what is under way. */
export async function stop() {
  await endPapers();
  for (const one of await holds()) await end(one, { outcome: "refused", words: "The assistant was stopped. Nothing was sent." });
  await note({ outcome: "stopped", words: "You stopped the assistant." });
  return { outcome: "stopped", words: "The assistant was stopped. It sends nothing until it is given a new grant." };
}

export async function holds() {
  const all = await chrome.storage.session.get(null);
  return Object.entries(all).filter(([name]) => name.startsWith("hold:")).map(([, one]) => one);
}

/** Ends a hold: the page is told, and the window closes. */
async function end({ id, tab, window }, outcome) {
  await chrome.storage.session.remove(held(id));
  const said = await outcome;
  if (tab !== undefined) await chrome.tabs.sendMessage(tab, said).catch(() => undefined);
  if (window !== undefined) await chrome.windows.remove(window).catch(() => undefined);
  await badge();
  return said;
}

async function badge() {
  const waiting = (await holds()).length;
  await chrome.action.setBadgeText({ text: waiting > 0 ? String(waiting) : "" });
}

/** Sends exactly this. */
async function send(message, headers) {
  // It may have been stopped while the policy was asked.
  if ((await papers()) === undefined) return refuse(message, { code: "guard.stopped", words: "The assistant was stopped." });
  const status = await post(sendTo, message, headers);
  if (status >= 200 && status < 300) {
    await note({ outcome: "sent", ...about(message) });
    return { outcome: "sent", words: "Sent." };
  }
  if (status === 0) {
    // It may have arrived all the same.
    await note({ outcome: "unknown", ...about(message) });
    return { outcome: "unknown", code: "guard.service", words: "The mail service did not answer, so this may have been sent: look at what was sent before you ask again." };
  }
  return refuse(message, { code: "guard.service", words: `The mail service did not take it (${status}). To send it, ask again.` });
}

async function draft(message) {
  const status = await post(new URL(drafts, origin).href, message);
  const isKept = status >= 200 && status < 300;
  await note({ outcome: isKept ? "draft" : "refused", ...about(message) });
  return isKept
    ? { outcome: "draft", words: "Kept as a draft. Nothing was sent." }
    : { outcome: "refused", words: "Not sent, and the mail service did not take the draft: the text is still in the page." };
}

async function post(url, message, headers = {}) {
  const options = {
    method: "POST", credentials: "include", redirect: "error", cache: "no-store", signal: AbortSignal.timeout(20_000),
    headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(message),
  };
  return fetch(url, options).then(({ status }) => status, () => 0);
}

async function refuse(message, { code, words }) {
  await note({ outcome: "refused", code, words, ...about(message) });
  return { outcome: "refused", code, words: `Not sent: ${words}` };
}

const about = ({ to = [], cc = [], bcc = [], subject }) => ({ to: [...to, ...cc, ...bcc], subject });
