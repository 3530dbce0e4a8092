// A small HTTP service on this machine, as a team would have one that was there before any agent.

import { createServer } from "node:http";

export const answered = (status, body) => ({ status, body });

/** Serves `{"METHOD /path/:name": (names, body) => …}`. `heard` has the head and body of every request that came. */
export async function serve(routes) {
  const heard = [];
  const server = createServer(async (request, answer) => {
    let text = "";
    for await (const part of request) text += part;
    heard.push({ method: request.method, url: request.url, headers: request.headers, text });
    const { status, body } = find(routes, request.method, request.url, text);
    answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { heard, address: `127.0.0.1:${server.address().port}`, close: () => (server.close(), server.closeAllConnections()) };
}

function find(routes, method, url, text) {
  const parts = url.split("/");
  for (const [route, run] of Object.entries(routes)) {
    const [wanted, path] = route.split(" ");
    const names = path.split("/");
    const fits = wanted === method && names.length === parts.length
      && names.every((name, at) => name.startsWith(":") || name === parts[at]);
    if (!fits) continue;
    const values = names.flatMap((name, at) => (name.startsWith(":") ? [[name.slice(1), decodeURIComponent(parts[at])]] : []));
    const made = run(Object.fromEntries(values), text && JSON.parse(text));
    if (made === undefined) break;
    return made.status ? made : answered(200, made);
  }
  return answered(404, { error: "there is no such thing" });
}
