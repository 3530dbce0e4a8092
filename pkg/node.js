// Node and Bun: files are read from the disk, and the evaluator is the one that was built for speed, in one file. A
// bundler may have put this script elsewhere and left that file behind: then it is the one inside a script.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { fromBase64 } from "./bytes.js";
import { failure } from "./engine.js";
import { beside, overHttp } from "./loading.js";
import { loader } from "./policy.js";

export * from "./common.js";

const inside = async (name) => fromBase64((await import("./wasm.js"))[name]);

export const load = loader(
  () => ({
    evaluator: () => readFile(new URL("./evaluator-fast.wasm", import.meta.url)).catch(() => inside("evaluator")),
    host: () => inside("host"),
    advice: () => inside("advice"),
  }),
  (source, wait) => (/^https?:/.test(source) ? overHttp(source, wait) : fromDisk(source)),
);

/** A path, or a `file:` URL; the signature lies beside. */
async function fromDisk(source) {
  const path = `${source}`.startsWith("file:") ? fileURLToPath(source) : `${source}`;
  const get = (path, otherwise) =>
    readFile(path).catch((error) => {
      if (error.code === "ENOENT" && otherwise) return undefined;
      throw failure("module.read", `\`${path}\`: ${error.code}`, error);
    });
  const [file, signature] = await Promise.all([get(path), get(beside(path), true)]);
  return { file: new Uint8Array(file), signature: signature?.toString() };
}
