// Chromium with the example in it, or without it; every name of the world leads to the fixture.

import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const HOSTS = ["mail.acme.example", "webmail.acme.example", "evil.example"];

/** Lays the example out as its README says, for a service without TLS and with these trusted keys. */
export async function layOut(example, npm, world, folder) {
  const plain = (text) => text.replaceAll(/"https:\/\/((?:web)?mail\.acme\.example)/g, '"http://$1');
  await mkdir(folder, { recursive: true });
  await cp(example, folder, { recursive: true, filter: (path) => !/\/(?:tests|policy|service)$/.test(path) });
  await cp(npm, join(folder, "evaluator"), { recursive: true });
  await cp(join(world.folder, "keys.json"), join(folder, "keys.json"));
  for (const name of ["manifest.json", "service.js"]) {
    const text = plain(await readFile(join(folder, name), "utf8")).replace("connect-src 'self' https:", "connect-src 'self' http:");
    await writeFile(join(folder, name), text.replace('audience: "http:', 'audience: "https:'));
  }
  return folder;
}

/** A context with these extensions in it. */
export async function open(tools, profile, port, extensions = []) {
  const { chromium } = createRequire(join(tools, "package.json"))("playwright-core");
  const origins = HOSTS.map((host) => `http://${host}`);
  return chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    ignoreDefaultArgs: ["--disable-extensions", "--disable-component-extensions-with-background-pages"],
    args: [
      "--headless=new", "--no-sandbox", `--host-resolver-rules=MAP * 127.0.0.1:${port}`,
      `--unsafely-treat-insecure-origin-as-secure=${origins.join(",")}`,
      "--disable-features=DisableLoadExtensionCommandLineSwitch,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
      ...(extensions.length > 0 ? [`--disable-extensions-except=${extensions.join(",")}`, `--load-extension=${extensions.join(",")}`] : []),
    ],
  });
}
