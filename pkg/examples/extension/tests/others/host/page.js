// A page of the other extension, which sends in the way that its address names.

const { by, url, body, html } = Object.fromEntries(new URLSearchParams(location.search));
const make = (name, attributes) => document.documentElement.appendChild(Object.assign(document.createElement(name), attributes));

({
  fetch: () => fetch(url, { method: "POST", credentials: "include", body }),
  form: () => make("form", { action: url, method: "post" }).submit(),
  frame: () => make("iframe", { src: html }),
})[by]();
