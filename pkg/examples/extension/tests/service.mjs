// The check at the service: `service/check.js` with the package, as a server has them.

import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** For one person's mailbox, and what the service has of them; in `folder`. */
export async function serviceCheck(example, npm, world, folder, { enrolments, origin }) {
  await mkdir(join(folder, "node_modules/@ambit"), { recursive: true });
  await symlink(npm, join(folder, "node_modules/@ambit/evaluator"));
  await cp(join(example, "service"), join(folder, "service"), { recursive: true });
  await cp(join(example, "message.js"), join(folder, "message.js"));
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  const { check } = await import(pathToFileURL(join(folder, "service/check.js")));
  const { load, memory } = await import(pathToFileURL(join(npm, "node.js")));
  const keys = await readFile(join(world.folder, "keys.json"), "utf8");
  const policy = await load(join(world.folder, "policy.bundle"), keys, { uid: "acme/mail", store: memory() });
  const about = { audience: "https://mail.acme.example", mailbox: "ann", enrolments, origin };
  return async (request) => {
    await policy.update({ epochs: world.epochs }).catch(() => undefined);
    return check(policy, request, about);
  };
}
