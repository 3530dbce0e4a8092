// The network refuses *send* to everyone but this extension. What the page does, and how, does not matter then.

import "./service.js";

const { hosts, send } = globalThis.SERVICE;

/** Has the browser refuse every address of *send*. The rule outlives the worker, the browser and the extension's updates. */
export async function refuseSend() {
  const { ResourceType, getDynamicRules, updateDynamicRules } = chrome.declarativeNetRequest;
  const resourceTypes = Object.values(ResourceType);
  // A rule for each address: a single pattern may take two kilobytes at most once it is compiled.
  const addRules = [...send.map(pattern), RIDDLE].map((regexFilter, at) => ({
    id: at + 1,
    action: { type: "block" },
    condition: {
      regexFilter,
      isUrlFilterCaseSensitive: false,
      // Each host with its subdomains, and as a name that ends with a point, which is the same machine.
      requestDomains: hosts.flatMap((host) => [host, `${host}.`]),
      excludedInitiatorDomains: [new URL(chrome.runtime.getURL("")).host],
      resourceTypes,
    },
  }));
  const before = await getDynamicRules();
  await updateDynamicRules({ removeRuleIds: before.map(({ id }) => id), addRules });
}

/**
 * Finds the path in every spelling that a service may read so: any of its characters may be escaped, its slashes may be
 * several, and a part may have parameters. It may stand anywhere in the path: rather too much is refused than too little.
 */
export function pattern(path) {
  const part = (text) => [...text].map((sign) => `(?:${literal(sign)}|%${sign.charCodeAt(0).toString(16)})`).join("");
  const parts = path.split("/").filter((text) => text !== "");
  return `^[^?#]*${parts.map((text) => `(?:/|%2f)+${part(text)}(?:(?:;|%3b)[^/?#]*)?`).join("")}(?:[^a-z0-9_-]|$)`;
}

/**
 * A path in which a part that is nothing or dots has parameters, or dots stand beside an escaped slash, or a backslash is
 * escaped: services read these as other paths, in more ways than can be listed, and nobody else needs them.
 */
const RIDDLE = "^[^?#]*(?:%5c|(?:/|%2f)(?:\\.|%2e){0,2}(?:;|%3b)|%2f(?:\\.|%2e){1,2}(?:[/;?#]|%2f|%3b|$)|/(?:\\.|%2e){1,2}%2f)";

const literal = (sign) => sign.replace(/[^a-z0-9]/i, "\\$&");
