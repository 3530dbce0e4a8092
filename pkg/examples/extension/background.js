// The worker. Who says something is told apart by what the browser says of the sender, never by what the message says.

import "./service.js";
import { answer, closed, offer, stop, waiting } from "./guard.js";
import { accept, claims, describe } from "./judge.js";
import { decisions, keys, papers } from "./kept.js";
import { publicJwk } from "./evaluator/approver.js";
import { refuseSend } from "./network.js";

const { hosts } = globalThis.SERVICE;
const OWN = chrome.runtime.getURL("");

/** Before anything else, and again whenever the worker starts: it may have been updated. */
const refusing = refuseSend();

chrome.runtime.onStartup.addListener(() => refusing);
chrome.runtime.onInstalled.addListener(({ reason }) => reason === "install" && chrome.runtime.openOptionsPage());
chrome.windows.onRemoved.addListener((window) => void closed(window));

/** What content scripts may ask. */
const FROM_PAGES = {
  offer: ({ message, invited }, { tab }) => offer(message, tab.id, invited === true),
};

/** What the extension's own windows may ask. */
const FROM_WINDOWS = {
  waiting: ({ id }) => waiting(id),
  answer: ({ id, decision, binding_s256 }) => answer(id, decision, binding_s256),
  stop: () => stop(),
  state: async () => {
    const has = await papers();
    return { consent: has && (await describe(has)), exp: has && claims(has.token).exp, decisions: await decisions() };
  },
  keys: async () => ({ holder: await publicJwk(await keys("holder")), approver: await publicJwk(await keys("approver")) }),
  describe: ({ papers }) => describe(papers),
  accept: async ({ papers }) => (await accept(papers), {}),
};

chrome.runtime.onMessage.addListener((message, sender, reply) => {
  const table = tableOf(sender);
  const act = Object.hasOwn(table, message?.type) ? table[message.type] : undefined;
  if (act === undefined) return false;
  refusing
    .then(() => act(message, sender))
    .catch((error) => ({ outcome: "refused", code: error.code ?? "guard.fault", words: `That did not work, and nothing was sent: ${error.message}` }))
    .then(reply);
  return true;
});

function tableOf({ id, url = "", tab, frameId }) {
  if (id !== chrome.runtime.id) return {};
  if (url.startsWith(OWN)) return FROM_WINDOWS;
  return tab !== undefined && frameId === 0 && hosts.includes(new URL(url).hostname) ? FROM_PAGES : {};
}
