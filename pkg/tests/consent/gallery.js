// Every state of `<ambit-consent>`, of texts that the evaluator makes here of a real policy.

import "/npm/consent.js";
import { load, memory } from "/npm/index.js";

const NOW = 1772000000;
const GRANT = {
  iss: "https://broker.acme.example",
  sub: "user:8f1c2d",
  aud: ["https://crm.acme.example"],
  tenant: "acme",
  act: { sub: "spiffe://acme.example/agent/renewal-bot/i-7f3a", iss: "https://idp.acme.example", sub_profile: "ai_agent" },
  agent: { uid: "renewal-bot" },
  exp: NOW + 28800,
  del_max_depth: 1,
  authorization_details: [
    {
      type: "ambit_capability", actions: ["email"], privileges: ["draft"], datatypes: ["customer-contact"], purpose: "newsletter",
      constraints: { to: { constraint_type: "email_domain", values: ["customer.example"] }, "*": { constraint_type: "wildcard" } },
    },
    {
      type: "ambit_capability", actions: ["refund", "cancel"], privileges: ["propose", "execute"], datatypes: ["contract"],
      identifier: "account/1042", locations: ["https://crm.acme.example"], purpose: "contract-renewal",
      constraints: { amount: { constraint_type: "range", min: 1, max: 20000 }, currency: { constraint_type: "exact", value: "EUR" } },
      limits: [{ type: "spend", max: 50000, currency: "EUR", decimals: 2 }, { type: "use_limit", max: 3 }],
      requires: { acr: "urn:acme:loa:2", max_age: 300 },
    },
  ],
};
const bounded = (max) => GRANT.authorization_details.map((one) => structuredClone(one)).map((one) => {
  if (one.constraints.amount) one.constraints.amount.max = max;
  return one;
});
const BLANK = `wait${" a".repeat(9)}  - amount: 5.00 EUR Risk: low `;
const long = {
  ...GRANT, sub: `"אבג 12 - 34 דהו" ${BLANK.repeat(2)}`.slice(0, 180), tenant: "x".repeat(150),
  authorization_details: GRANT.authorization_details.map((one) => ({ ...one, identifier: `漢字${"漢字かな".repeat(20)} ${BLANK}` })),
};
// As the text of a call is: a block, a text with quotes in it, and one that is long in every way.
const letter = [
  "Let Renewal bot send e-mail: customer contact \"a\\\" אבג 12 - 34 דהו\"?", "For ann", "",
  `- to: "eve@evil.example${"x".repeat(200)}"`,
  "- text:", "  | Dear Ann,", "  |", `  | ${BLANK.repeat(8)}`, `  | "אבג" 12 - 34 ${"דהו ".repeat(60)}`,
  "- list:", `    - note: "${"- cc: nobody ".repeat(20)}\"${"e\u0301".repeat(200)}"`, `    - more: \`{"a": "\\\\\" אבג ${"漢".repeat(90)}"}\``,
  "", "Details", "- Critical risk",
].join("\n");
const hostile = { ...GRANT, sub: 'user:אבגדה "x"\n\nCannot\n- nothing', tenant: "مثال" };

const keys = await (await fetch("/fixture/keys.json")).text();
const policy = await load(new URL("/fixture/policy.bundle", location), keys, { uid: "acme/agents", store: memory(), clock: () => NOW });
const described = async (request) => {
  const said = await policy.describe({ now: NOW, utc_offset: 60, ...request });
  if (said.error) throw new Error(JSON.stringify(said.error));
  return said;
};

const main = document.querySelector("main");
const add = (name, consent, state = "open") => {
  const element = document.createElement("ambit-consent");
  element.id = name;
  main.append(element);
  element.consent = consent;
  element.state = state;
  return element;
};
const request = JSON.parse(await (await fetch("/fixture/request.json")).text());

globalThis.answers = [];
const open = add("open", await described({ claims: GRANT }));
open.addEventListener("ambit-choices", async ({ detail }) => {
  open.consent = await described({ claims: GRANT, ...(detail.choices.length > 0 && { choices: detail.choices }) });
});
open.addEventListener("ambit-answer", ({ detail }) => {
  answers.push(detail);
  open.state = detail.decision;
});
add("german", await described({ claims: GRANT, locale: "de" }));
add("wider", await described({ claims: GRANT, granted: bounded(10000) }));
add("narrower", await described({ claims: { ...GRANT, authorization_details: bounded(10000) }, granted: bounded(20000) }));
add("hostile", await described({ claims: hostile }));
add("call", (await policy.digest(request)).display);
add("long", await described({ claims: long }));
add("letter", { ...(await policy.digest(request)).display, text: letter });
for (const state of ["busy", "approved", "denied", "failed"]) add(state, await described({ claims: GRANT }), state);
add("unknown", { ...(await described({ claims: GRANT })), page: [{ part: "later", text: "What a newer renderer says" }] });
const cut = await described({ claims: GRANT });
add("cut", { ...cut, page: cut.page.filter(({ part }) => part !== "line") });
document.documentElement.dataset.ready = "yes";
