// An e-mail: what the page offers, and what the policy is asked about. Both ends use this file, the extension and the
// check at the service, so that what is judged is what is sent.

const BARE = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/;
/** Characters of a message, its attachments in base64 included: what waits for a person is kept in memory. */
const MOST = 6_000_000;
const LISTS = ["to", "cc", "bcc"];
const MEMBERS = ["id", ...LISTS, "subject", "body", "attachments"];

/** Why something is no message that could be judged. */
export class Unfit extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * The same message with nothing else in it, or an `Unfit`. Its `id` is new for each: a yes is for one call, which runs once,
 * and the same words may be sent again.
 */
export function read(offered) {
  if (typeof offered !== "object" || offered === null) throw new Unfit("message.form", "there is no message");
  const unknown = Object.keys(offered).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) throw new Unfit("message.form", `a message has no \`${unknown}\``);
  const [to, cc, bcc] = LISTS.map((name) => addresses(offered[name], name));
  if (to.length + cc.length + bcc.length === 0) throw new Unfit("message.address", "there is no recipient");
  const subject = text(offered.subject, "subject");
  if (/[\p{Cc}\u2028\u2029]/u.test(subject)) throw new Unfit("message.subject", "the subject has a line break or another control character");
  const body = text(offered.body, "body").replaceAll("\r\n", "\n");
  const attachments = list(offered.attachments, "attachments").map((one) => attachment(one));
  const message = { id: text(offered.id, "id"), to, cc, bcc, subject, body, attachments };
  if (JSON.stringify(message).length > MOST) throw new Unfit("message.size", "the message is too large: 4 MB with its attachments");
  return message;
}

/** The arguments of the call: the message, with the digests of its attachments in place of their bytes. */
export async function args({ attachments, ...rest }) {
  return JSON.stringify({ ...rest, attachments: await Promise.all(attachments.map(named)) });
}

/** Whether an address is outside of the organisation. */
export const isOutside = (address, own) => !own.includes(address.slice(address.lastIndexOf("@") + 1).toLowerCase());

async function named({ name, kind, data }) {
  const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const s256 = btoa(String.fromCharCode(...digest)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return { name, kind, bytes: bytes.length, s256 };
}

/** Bare addresses only: what has a name, a list or a comment in it, two programs may read differently. */
function addresses(given, name) {
  const found = list(given, name);
  const odd = found.find((one) => typeof one !== "string" || !BARE.test(one));
  if (odd === undefined) return found;
  throw new Unfit("message.address", `\`${String(odd).slice(0, 80)}\` in \`${name}\` is no bare address: write \`ann@example.com\`, several with commas between`);
}

function attachment({ name, kind, data, ...more }) {
  if (Object.keys(more).length > 0) throw new Unfit("message.form", "an attachment has a name, a kind and data");
  if (typeof data !== "string" || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(data)) {
    throw new Unfit("message.form", "the data of an attachment is not base64");
  }
  if (/[\p{Cc}/\\]/u.test(text(name, "name"))) throw new Unfit("message.form", "an attachment's name has a slash or a control character");
  if (!/^(?:[\w.+-]{1,64}\/[\w.+-]{1,64})?$/.test(text(kind, "kind"))) throw new Unfit("message.form", "an attachment's kind is not like `text/plain`");
  return { name, kind, data };
}

function text(given, name) {
  if (typeof given === "string" && given.isWellFormed()) return given;
  throw new Unfit("message.form", `\`${name}\` is not a text`);
}

function list(given, name) {
  if (Array.isArray(given) && given.length <= 100) return given;
  throw new Unfit("message.form", `\`${name}\` is not a list of at most 100`);
}
