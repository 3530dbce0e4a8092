// With Cloudflare's types besides.

import { durableObject, load } from "@ambit/evaluator";

export { AmbitStore } from "@ambit/evaluator";

interface Env {
  AMBIT: DurableObjectNamespace;
}

export default {
  async fetch(request, env) {
    const policy = await load("https://policies.example/policy.bundle", "{}", { uid: "a/b", store: durableObject(env.AMBIT) });
    const verdict = await policy.enforce(await request.text());
    return verdict.permitted ? new Response("done") : verdict.response;
  },
} satisfies ExportedHandler<Env>;
