// The keys of this browser go out, a grant comes in. A person reads what it allows before it counts.

import "./evaluator/consent.js";

const at = (name) => document.getElementById(name);
const element = document.querySelector("ambit-consent");
const ask = (message) => chrome.runtime.sendMessage(message);
let given;

at("keys").value = JSON.stringify(await ask({ type: "keys" }), null, 2);

at("papers").addEventListener("change", async () => {
  at("said").textContent = "";
  element.hidden = true;
  try {
    given = read(JSON.parse(await at("papers").files[0].text()));
  } catch (error) {
    at("said").textContent = `This file cannot be used: ${error.message}`;
    return;
  }
  const consent = await ask({ type: "describe", papers: given });
  element.hidden = consent?.text === undefined;
  if (!element.hidden) element.consent = { ...consent, choices: [] };
  else at("said").textContent = `This grant cannot be shown, so it is not kept: ${consent?.error?.admin ?? consent?.words}`;
});

element.addEventListener("ambit-answer", async ({ detail: { decision } }) => {
  const refused = decision === "approved" && (await ask({ type: "accept", papers: given })).words;
  at("said").textContent = refused || "";
  element.state = refused ? "failed" : decision;
});

function read({ token, mailbox, enrolments }) {
  const isText = (it) => typeof it === "string" && it !== "";
  if (!isText(token) || !isText(mailbox)) throw new Error("it has no `token`, or does not say which `mailbox` it is for");
  if (!Array.isArray(enrolments) || enrolments.length === 0 || !enrolments.every(isText)) throw new Error("it has no `enrolments`");
  return { token, mailbox, enrolments };
}
