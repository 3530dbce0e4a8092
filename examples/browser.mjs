// Serves `browser.html`, the npm package and three files of a policy on this machine only, until it is interrupted.
//
//   node examples/browser.mjs policy.wasm keys.json request.json UID

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const [module, keys, request, uid] = process.argv.slice(2);
const here = (path) => new URL(path, import.meta.url);
const files = {
  "/": here("browser.html"),
  "/policy.wasm": module,
  "/keys.json": keys,
  "/request.json": request,
};
const types = { html: "text/html", js: "text/javascript", json: "application/json", wasm: "application/wasm" };

const server = createServer(async (asked, answer) => {
  const { pathname } = new URL(asked.url, "http://localhost");
  const part = /^\/npm\/((?:stores\/)?[a-z-]+\.(?:js|wasm))$/.exec(pathname)?.[1];
  const file = part ? here(`../target/npm/${part}`) : files[pathname];
  const bytes = pathname === "/uid" ? uid : file && (await readFile(file).catch(() => undefined));
  const type = types[String(file).split(".").at(-1)] ?? "text/plain";
  answer.writeHead(bytes ? 200 : 404, bytes ? { "content-type": type } : {}).end(bytes);
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
