// How the package is used, as its types have it: each line that must not compile says so.

import { AmbitStore, durableObject, indexedDb, load, memory, NotDischarged } from "@ambit/evaluator";
import type { Answer, LogEvent, Obligation, Parts, Policy, ReasonCode, Store, Verdict } from "@ambit/evaluator";
import { load as loadInline } from "@ambit/evaluator/inline";
import { load as loadSlim } from "@ambit/evaluator/slim";
import { attenuate, createKeys, prove, publicJwk } from "@ambit/evaluator/holder";
import { createCredential, signCall, signGrant } from "@ambit/evaluator/approver";

declare const bytes: Uint8Array;
declare const wasm: { evaluator: object; host: object };
const events: LogEvent[] = [];

export async function use(keys: string): Promise<Policy> {
  const store: Store = memory();
  const policy = await load({ file: bytes, signature: bytes }, keys, {
    uid: "acme/agents",
    store,
    log: (event) => events.push(event),
    discharge: {
      approve: async (obligation) => {
        if (obligation.type === "approve") console.log(obligation.ext.display.text, obligation.ext.approvals[0]?.count);
        else throw new NotDischarged("another kind");
      },
    },
  });
  await load("policy.bundle", keys, { uid: "a/b", store: indexedDb() });
  await loadInline(bytes, keys, { uid: "a/b", store: indexedDb("name") });
  await loadSlim(new URL("https://cdn.example/policy.bundle"), keys, { uid: "a/b", store, wasm });
  // @ts-expect-error the policy that is expected has a name
  await load(bytes, keys, { store });
  // @ts-expect-error what calls use up is kept somewhere
  await load(bytes, keys, { uid: "a/b" });
  // @ts-expect-error a misspelt option
  await load(bytes, keys, { uid: "a/b", store, logs: () => undefined });
  // @ts-expect-error `slim` needs the compiled modules
  await loadSlim(bytes, keys, { uid: "a/b", store });
  return policy;
}

export async function call(policy: Policy, args: string): Promise<Response | undefined> {
  const parts: Parts = {
    action: "pay", power: "execute", args, resource: { type: "Invoice", id: "i-1" }, purpose: "care",
    facts: { audience: "https://pay.example" },
  };
  // @ts-expect-error not a power
  const wrong: Parts = { ...parts, power: "delete" };
  const verdict: Verdict = await policy.enforce(parts, { nonce: "n" });
  if (!verdict.permitted) {
    const code: ReasonCode = verdict.answer.context.reason.code;
    // @ts-expect-error a code that does not exist
    if (code === "no.code") return undefined;
    for (const step of verdict.answer.context.remedy.steps ?? []) {
      if (step.type === "step_up" && step.step_up === "approval") console.log(step.count, step.display?.text);
      if (step.type === "wait") console.log(step.not_before.toFixed());
    }
    console.log(verdict.http.problem.detail, wrong);
    return verdict.response;
  }
  // @ts-expect-error what is permitted has no response
  console.log(verdict.response);
  const advice = await policy.advise(parts);
  if ("alternatives" in advice) console.log(advice.alternatives[0]?.text);
  const made = await policy.request({ ...parts, sign: [{ typ: "dpop+jwt", claims: { jti: "1" } }] });
  if ("request" in made) console.log(made.request, made.display?.locale);
  const updated: { before: number } = await policy.update({ epochs: "…" });
  const { statement } = await policy.update(bytes);
  console.log(updated.before, statement.version);
  return undefined;
}

export async function sign(policy: Policy, parts: Parts): Promise<string[]> {
  const keys = await createKeys("ES256");
  const jwk = await publicJwk(keys);
  const key = { kid: "approve-1", privateKey: keys.privateKey };
  const consent = await policy.describe({ authorization_details: [], locale: "en" });
  const receipts = "error" in consent ? [] : [await signGrant(policy, consent, { decision: "approved" }, key)];
  const chain = await attenuate(policy, parts.token ?? "", { cnf: { jwk: { ...jwk } } }, keys);
  const { credential } = await createCredential({ rpId: "acme.example", user: { name: "ann", displayName: "Ann" } });
  receipts.push(await signCall(policy, parts, { decision: "denied" }, { enrolment: chain, credential }));
  // @ts-expect-error: a key is known by its `kid` or by an enrolment, and not by both.
  receipts.push(await signCall(policy, parts, {}, { kid: "a", enrolment: chain, credential }));
  return [await prove(policy, parts, keys), await signCall(policy, parts, { decision: "approved" }, key), chain, ...receipts];
}

export function record({ context: { obligations, record } }: Answer): string | undefined {
  const consumed = obligations.find((one): one is Extract<Obligation, { type: "consume" }> => one.type === "consume");
  if ("input_s256" in record && record.verdict === "deny") return record.policy?.uid;
  return consumed?.ext.charges[0]?.until?.toFixed();
}

export { AmbitStore, durableObject };
