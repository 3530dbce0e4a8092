// The check of the same token and receipt at the service, for a Worker or any other server with `Request` and `Response`.
// It stands where the browser's promises end: what another program sends has no token, or no receipt for this message.

import { shown } from "@ambit/evaluator";
import { args, read, Unfit } from "../message.js";

/**
 * Lets a request to *send* through, or gives the refusal. `mailbox` is that of the session, `enrolments` are those that
 * the service has of this person: what came with the request says neither.
 */
export async function check(policy, request, { audience, mailbox, enrolments, origin }) {
  const { facts, ...papers } = shown(request, origin);
  let message;
  try {
    message = read(JSON.parse(await request.clone().text()));
  } catch (error) {
    const title = error instanceof Unfit ? error.message : "the body is no JSON";
    return { refusal: new Response(title, { status: 400 }) };
  }
  const verdict = await policy.enforce({
    ...papers, ...(papers.approvals && { enrolments }),
    action: "email", power: "execute", args: await args(message), purpose: "correspondence",
    resource: { type: "mailbox", id: mailbox },
    facts: { ...facts, audience, location: audience },
  });
  return verdict.permitted ? { message } : { refusal: verdict.response };
}
