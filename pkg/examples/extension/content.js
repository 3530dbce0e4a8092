// In the page, but not in its world: it offers what is in the form, and says what became of it. It has no key, no token
// and no say: whatever the page makes it offer is judged by the worker.

(() => {
  const { form: selector, fields } = globalThis.SERVICE;
  /** When a person last pressed the form's button, until that was made use of. A script's click is none. */
  let pressed = -Infinity;
  const line = document.createElement("p");

  addEventListener("click", (event) => {
    const isButton = event.isTrusted && event.target instanceof Element && event.target.closest(`${selector} :is(button, input)`);
    if (isButton) pressed = performance.now();
  }, true);

  addEventListener("submit", (event) => {
    if (!(event.target instanceof HTMLFormElement) || !event.target.matches(selector)) return;
    // Only a courtesy to the page, whose own sending the network refuses.
    event.preventDefault();
    event.stopImmediatePropagation();
    const invited = performance.now() - pressed < 1000;
    pressed = -Infinity;
    void offer(event.target, invited);
  }, true);

  chrome.runtime.onMessage.addListener((said) => say(said));

  async function offer(form, invited) {
    try {
      say(await chrome.runtime.sendMessage({ type: "offer", message: await content(form), invited }));
    } catch {
      say({ words: "Ambit could not be asked. Nothing was sent: reload the page." });
    }
  }

  async function content(form) {
    // Not `form.elements.to`: a field may be called like a property of the form.
    const data = new FormData(form);
    const text = (name) => data.getAll(fields[name]).filter((it) => typeof it === "string").join(", ");
    const addresses = (name) => text(name).split(",").map((one) => one.trim()).filter((one) => one !== "");
    const files = data.getAll(fields.attachments).filter((it) => it instanceof File && (it.name !== "" || it.size > 0));
    return {
      to: addresses("to"), cc: addresses("cc"), bcc: addresses("bcc"), subject: text("subject"), body: text("body"),
      attachments: await Promise.all(files.map(async (file) => ({ name: file.name, kind: file.type, data: await base64(file) }))),
    };
  }

  async function base64(file) {
    let text = "";
    for (const byte of new Uint8Array(await file.arrayBuffer())) text += String.fromCharCode(byte);
    return btoa(text);
  }

  /** A line for people. The page can forge or hide it: what counts is in the extension's own windows. */
  function say({ words }) {
    line.setAttribute("role", "status");
    line.dataset.ambit = "";
    line.textContent = words;
    document.querySelector(selector)?.after(line);
  }
})();
