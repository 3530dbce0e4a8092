import { durableObject, load, shown, type Policy } from "@ambit/evaluator";
import keys from "./keys.json" with { type: "json" };
export { AmbitStore } from "@ambit/evaluator";

const audience = "https://mail.acme.example";
let loaded: Policy | undefined;

export default {
  async fetch(request, env) {
    const options = { uid: "acme/agents", store: durableObject(env.AMBIT), log: (event: object) => console.log(JSON.stringify(event)) };
    const policy = (loaded ??= await load(env.POLICY, JSON.stringify(keys), options));
    for (const { message } of await policy.refresh({ epochs: [env.EPOCHS] })) console.warn(message);
    const { facts, ...papers } = shown(request);
    const args = await request.text();
    const verdict = await policy.enforce({
      ...papers, action: "email", power: "draft", args, purpose: "contract-renewal",
      resource: { type: "customer-contact", id: new URL(request.url).pathname.slice(1) },
      facts: { ...facts, audience, location: audience },
    });
    if (!verdict.permitted) return verdict.response;
    return fetch(env.UPSTREAM, { method: "POST", body: args }).catch(() => new Response("upstream", { status: 502 }));
  },
} satisfies ExportedHandler<{ AMBIT: DurableObjectNamespace; POLICY: string; EPOCHS: string; UPSTREAM: string }>;
