// Which mail service is guarded: the one file besides `manifest.json` and `keys.json` that is yours to change.
// A script and no module, because content scripts read it too. It holds nothing secret.

globalThis.SERVICE = {
  /** Every host name under which the service answers. One that is left out is one that the page may send by. */
  hosts: ["mail.acme.example", "webmail.acme.example"],
  /** Where the extension sends itself. */
  origin: "https://mail.acme.example",
  /** Nothing but sending has these addresses; the first is the one that the extension uses. */
  send: ["/api/send"],
  /** Drafts have one of their own. It stays open to the page. */
  drafts: "/api/drafts",
  /** The form, and the name of what is in it. */
  form: "form#compose",
  fields: { to: "to", cc: "cc", bcc: "bcc", subject: "subject", body: "body", attachments: "attachments" },
  /** Who is not outside. It only marks addresses: what may go without asking, the grant says. */
  own: ["acme.example"],
  audience: "https://mail.acme.example",
  purpose: "correspondence",
  policy: { uid: "acme/mail", url: "https://mail.acme.example/ambit/policy.bundle" },
  epochs: "https://mail.acme.example/ambit/epochs.jwt",
};
