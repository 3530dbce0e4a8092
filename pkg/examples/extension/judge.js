// Asks the policy about one e-mail. The package has all the rules: this only says which call it is.

import "./service.js";
import { indexedDb, load } from "./evaluator/index.js";
import { signCall } from "./evaluator/approver.js";
import { prove, publicJwk } from "./evaluator/holder.js";
import { keepPapers, keys, papers } from "./kept.js";

const { audience, epochs, origin, policy: where, purpose, send } = globalThis.SERVICE;
const locale = globalThis.navigator?.language.startsWith("de") ? "de" : "en";
export const sendTo = new URL(send[0], origin).href;

let loading;

/** The policy in force: the newest that the service has, with the newest list of what was revoked. */
export async function policy() {
  loading ??= loaded().catch((error) => {
    loading = undefined;
    throw error;
  });
  const policy = await loading;
  // What cannot be fetched, or is older or not signed, changes nothing: what was in force stays until it ends.
  await policy.update(where.url).catch(() => undefined);
  await fetched(epochs).then((list) => policy.update({ epochs: list })).catch(() => undefined);
  return policy;
}

async function loaded() {
  const trust = await fetched(chrome.runtime.getURL("keys.json"));
  return load(where.url, trust, { uid: where.uid, store: indexedDb("ambit") });
}

async function fetched(url) {
  const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`\`${url}\`: status ${response.status}`);
  return response.text();
}

/** The call that would send this. `approvals` are those of a person's yes to it. */
function parts({ token, mailbox, enrolments }, args, approvals) {
  return {
    action: "email", power: "execute", args, purpose, token,
    resource: { type: "mailbox", id: mailbox },
    facts: { audience, location: audience, method: "POST", url: sendTo, locale },
    ...(approvals && { approvals, enrolments }),
  };
}

/**
 * Enforces the call: `verdict`, and the headers that prove it. Where only a person's yes is wanting, `held` has what they
 * are to read.
 */
export async function judge(args, approvals) {
  const asked = await policy();
  const has = await papers();
  if (has === undefined) return { refused: { code: "guard.stopped", words: "The assistant has no grant: it was stopped, or none was given yet." } };
  const call = parts(has, args, approvals);
  let proof;
  try {
    proof = await prove(asked, call, await keys("holder"));
  } catch ({ answer, message }) {
    return { refused: answer ? words(answer) : { code: "guard.proof", words: message } };
  }
  const verdict = await asked.enforce({ ...call, proof });
  if (verdict.permitted) {
    const headers = { authorization: `DPoP ${has.token}`, dpop: proof, ...(approvals && { "ambit-approval": approvals.join(", ") }) };
    return { permitted: true, headers };
  }
  const refused = words(verdict.answer);
  if (approvals !== undefined) return { refused };
  const helps = yes(await asked.advise({ ...call, proof }), claims(has.token).sub);
  return !helps ? { refused } : { held: { ...(await asked.request(call)), why: refused } };
}

/** What a person is shown of the call now. */
export async function shown(args) {
  const has = await papers();
  return has && (await policy()).request(parts(has, args));
}

/** A person's yes to the call that `made` describes, in the words that they have read. */
export async function approve(args, { binding_s256, risk_tier, display: { text_s256, locale, renderer } }) {
  const has = await papers();
  if (has === undefined) throw Object.assign(new Error("The assistant was stopped."), { code: "guard.stopped" });
  const [asked, { privateKey }] = [await policy(), await keys("approver")];
  const iat = Math.floor(Date.now() / 1000);
  const said = { aud: audience, iat, exp: iat + 300, decision: "approved", binding_s256, risk_tier, display: { text_s256, locale, renderer } };
  return signCall(asked, parts(has, args), said, { enrolment: has.enrolments[0], privateKey });
}

/** What papers say to a person, before they are kept: a consent text, or why there is none. */
export async function describe({ token }) {
  const now = Math.floor(Date.now() / 1000);
  return (await policy()).describe({ claims: claims(token), locale, now, utc_offset: 0 - new Date().getTimezoneOffset() });
}

/** Keeps papers for the agent's key of this browser; of others it could prove nothing. */
export async function accept(given) {
  const { x, y } = await publicJwk(await keys("holder"));
  const { jwk } = claims(given.token).cnf;
  if (jwk.x !== x || jwk.y !== y) throw new Error("this grant is for another key: set it up with the keys that are shown here");
  await keepPapers(given);
}

/** The claims of the first block, which nobody has verified: the evaluator does, at each call. */
export function claims(token) {
  const payload = token.split("~")[0].split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (sign) => sign.charCodeAt(0))));
}

const words = ({ context }) => ({ code: context.reason.code, words: context.reason.user });

/** Whether the yes of this person alone would do, by the policy, which has judged it. */
function yes({ alternatives = [] }, sub) {
  const isYes = ({ step_up, approvers = [sub], count = 1 }) => step_up === "approval" && count === 1 && approvers.includes(sub);
  return alternatives.some(({ judged, steps }) => judged && steps.length === 1 && isYes(steps[0]));
}
