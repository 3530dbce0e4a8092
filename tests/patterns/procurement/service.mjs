// What an office orders through. It knows nothing of agents, ceilings or lists: it orders whatever it is told to.

import { answered } from "../lib/service.mjs";

/** Its routes, and in `ran` what was ordered. */
export const ordering = (ran) => ({
  "POST /offices/:office/orders": ({ office }, body) => {
    ran.push({ office, ...body });
    return answered(201, { number: ran.length, office, ...body });
  },
});
