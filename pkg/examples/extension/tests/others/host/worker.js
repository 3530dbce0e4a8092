// Another extension whose person gave it the mail service's host, and what it may try. Each takes the mail page's address,
// that of *send* with the subject in it, and a whole message with that subject.

const page = (by, more) => chrome.tabs.create({ url: `${chrome.runtime.getURL("page.html")}?${new URLSearchParams({ by, ...more })}` });
const loaded = (tab) => new Promise((done) => {
  const look = async () => ((await chrome.tabs.get(tab)).status === "complete" ? done(tab) : setTimeout(look, 20));
  look();
});
const opened = async (url) => loaded((await chrome.tabs.create({ url })).id);
const inPage = async (mail, world, url, func = (url) => fetch(url, { method: "POST" })) =>
  chrome.scripting.executeScript({ target: { tabId: await opened(mail) }, world, func, args: [url] });
const rule = (action) => chrome.declarativeNetRequest.updateSessionRules({
  addRules: [{ id: action.type.length, priority: 1_000_000, action, condition: { regexFilter: action.type === "allow" ? "/api/send" : "/api/elsewhere" } }],
});

globalThis.ACTS = {
  "a request from its own worker": ({ url, body }) => fetch(url, { method: "POST", credentials: "include", body }),
  "a request from its own page": ({ url, body }) => page("fetch", { url, body }),
  "a form in its own page": ({ url }) => page("form", { url }),
  "the mail page in a frame of its own page": ({ url, mail }) =>
    page("frame", { html: `${mail}html?code=${encodeURIComponent(`<script>fetch(${JSON.stringify(url)}, { method: "POST" })</script>`)}` }),
  "a tab that opens there": ({ url }) => chrome.tabs.create({ url }),
  "a tab that is led there": async ({ url, mail }) => chrome.tabs.update(await opened(mail), { url }),
  "a download": ({ url, body }) => chrome.downloads.download({ url, method: "POST", body }),
  "a script in the page": ({ url, mail }) => inPage(mail, "ISOLATED", url),
  "a script in the page's own world": ({ url, mail }) => inPage(mail, "MAIN", url),
  "a script that presses the button": ({ mail, subject }) => inPage(mail, "ISOLATED", subject, (subject) => {
    const form = document.querySelector("form");
    form.elements.to.value = "eve@evil.example";
    form.elements.subject.value = subject;
    form.requestSubmit();
  }),
  "a rule of its own that allows": async ({ url, mail }) => {
    await rule({ type: "allow" });
    await inPage(mail, "MAIN", url);
  },
  "a rule of its own that leads there": async ({ url, mail }) => {
    await rule({ type: "redirect", redirect: { url } });
    await inPage(mail, "MAIN", url.replace("/api/send", "/api/elsewhere"));
  },
};

/** What it saw of requests to *send*. */
globalThis.seen = [];
chrome.webRequest.onBeforeSendHeaders.addListener(
  ({ url, initiator, requestHeaders }) => void (url.includes("/api/send") && globalThis.seen.push({ initiator, names: requestHeaders.map(({ name }) => name.toLowerCase()) })),
  { urls: ["http://*/*"] }, ["requestHeaders", "extraHeaders"],
);
