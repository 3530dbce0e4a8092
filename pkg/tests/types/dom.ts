// With the DOM besides.

import "@ambit/evaluator/consent";
import type { AmbitConsent } from "@ambit/evaluator/consent";
import type { Policy } from "@ambit/evaluator";

export async function ask(policy: Policy, element: AmbitConsent): Promise<void> {
  const consent = await policy.describe({ authorization_details: [] });
  if (!("error" in consent)) element.consent = consent;
}
