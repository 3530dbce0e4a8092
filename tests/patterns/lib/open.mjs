// The support pattern with you in the place of Ann, in a browser of your own, until it is ended.

import { createServer } from "node:http";

import { refund, shift } from "../support/play.mjs";
import { pause } from "./stage.mjs";

/** Says where to go, and plays the agent for whoever comes there. Ends when the process is told to. */
export async function leaveOpen(stage, say) {
  const { world, agent, ran } = stage;
  const call = refund("o-1001", 49.9);
  const page = (title, body) => `<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>${title}</title>
<body style="font:16px/1.5 system-ui;max-width:38rem;margin:3rem auto;padding:0 1rem"><h1>${title}</h1>${body}`;
  const routes = {
    "/": () => page("Support desk, an agent", `<p>It wants to read orders, and to propose refunds, for you: <a href="/ask">ask me</a>.`),
    "/ask": async () => ({ location: (await agent.ask(shift())).url }),
    "/back": async (query) => {
      const { body } = await agent.exchange(query.get("code") ?? "");
      if (!body.access_token) return page("Nothing was allowed", `<p><a href="/ask">Ask me again</a>.`);
      refunds(body.access_token).catch((error) => say(String(error)));
      return page("Thank you", `<p>The agent now tries to pay back 49.90 EUR, which needs your yes: <a href="${world.broker}/agents">my agents</a>.
<p>Stop it there, refuse, or <a href="/ask">ask me again</a>. What happens is told in the terminal.`);
    },
  };

  /** Tries, hands in what was refused, waits for the answer, and tries twice more. */
  async function refunds(token) {
    const told = async (receipts) => {
      await world.fetchEpochs();
      const { status, body } = await agent.call(token, call, { receipts });
      say(status === 201 ? `  the shop pays 49.90 EUR for o-1001 (it has done so ${ran.length} times)` : `  DENIED ${body.detail} (${body.code})`);
    };
    await told();
    const { body } = await agent.handIn(token, call);
    if (body.task?.status !== "pending") return say(`  the broker says: ${JSON.stringify(body.result ?? body)}`);
    say(`  the agent waits for your yes: ${body.task.links.review}`);
    for (;;) {
      await pause(body.task.interval * 1000);
      const { body: seen } = await agent.look(token, body.task.id);
      if (seen.task?.status === "pending") continue;
      say(`  the broker says: ${seen.task?.status ?? seen.ambit_code}${seen.result?.reason ? `, because ${seen.result.reason}` : ""}`);
      const receipt = seen.result?.approval?.ambit_receipt;
      if (!receipt) return told();
      await told([receipt]);
      return told([receipt]);
    }
  }

  const site = new URL(agent.redirect);
  const server = createServer(async ({ url }, answer) => {
    const { pathname, searchParams } = new URL(url, site);
    try {
      const made = await (routes[pathname] ?? routes["/"])(searchParams);
      if (made.location) answer.writeHead(303, { location: made.location }).end();
      else answer.writeHead(200, { "content-type": "text/html" }).end(made);
    } catch (error) {
      answer.writeHead(500).end(String(error));
    }
  });
  await new Promise((done, failed) => server.once("error", failed).listen(site.port, site.hostname, done));
  say(`
  Everything is running. In a browser on this machine:

    1. make a passkey for user:ann    ${world.invitation("user:ann")}
    2. let the agent ask you          ${site.origin}/
    3. answer it, or stop it          ${world.broker}/agents

  Ctrl-C ends it.
`);
  await new Promise((done) => ["SIGINT", "SIGTERM"].forEach((signal) => process.once(signal, done)));
  server.close();
  server.closeAllConnections();
}
