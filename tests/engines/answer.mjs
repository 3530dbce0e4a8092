// What the npm package answers to a command of the line protocol (`tests/conformance/README.md`), in whichever runtime.

const RULES = ["enforce", "consume", "status"];
const QUESTIONS = ["advise", "describe", "ask", "epochs"];
const text = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Makes the function that gives each command its line. `entry` is the package as this runtime gets it, with `evaluator.js`
 * and `engine.js` of the same package, for the rules that need no policy; `options` are more for `load`.
 */
export function answering({ load, memory }, evaluator, { inside, need }, options = {}) {
  const policies = new Map();
  const operations = {
    async load({ policy, file, url, trust, now, uid }) {
      const bytes = file ?? new Uint8Array(await (await fetch(url)).arrayBuffer());
      // Every policy for itself: what was kept of versions is not asked here.
      policies.set(policy, await load(bytes, trust, { uid, store: memory(), clock: () => now, ...options }));
      return "ok";
    },
    evaluate: ({ policy, input }) => base64(policies.get(policy).evaluateBytes(bytes(input))),
    info: async ({ policy }) => said(await policies.get(policy).raw("info")),
    about: () => navigator.userAgent,
  };
  for (const name of QUESTIONS) {
    operations[name] = async ({ policy, input }) => said(await policies.get(policy).raw(name, text.decode(bytes(input))));
  }
  for (const name of RULES) {
    operations[name] = async ({ input }) => {
      await need("host");
      return said(inside(() => evaluator[name](text.decode(bytes(input)), "required")));
    };
  }
  return async (command) => {
    try {
      if (!Object.hasOwn(operations, command.op)) throw new Error(`\`${command.op}\` is no operation`);
      return await operations[command.op](command);
    } catch (error) {
      return `error: ${error.code ?? "none"} ${error.message}`.replaceAll("\n", " ");
    }
  };
}

function bytes(input) {
  return Uint8Array.from(atob(input), (one) => one.charCodeAt(0));
}

const said = (answer) => base64(new TextEncoder().encode(answer));

function base64(output) {
  let binary = "";
  for (let at = 0; at < output.length; at += 8192) binary += String.fromCharCode(...output.subarray(at, at + 8192));
  return btoa(binary);
}
