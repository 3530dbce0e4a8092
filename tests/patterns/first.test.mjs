// The five commands of the README, from an empty folder to an agent in Python that has its token, as they stand there.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Person } from "./lib/person.mjs";
import { eventually, missing, pause } from "./lib/stage.mjs";
import { here } from "./lib/world.mjs";

/** A Python that has `cryptography`: that of the Python package's tests, or the system's. */
const python = [process.env.AMBIT_PYTHON, "python3"].find((one) => one && spawnSync(one, ["-c", "import cryptography"]).status === 0);
const skip = missing() || (python ? false : "no Python with `cryptography`");
const START = "```sh\nambit init . --broker";

let folder, env, commands, shell, person;
let said = "";

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), "ambit-first-"));
  const bin = join(folder, "bin");
  await mkdir(bin);
  await mkdir(join(folder, "empty"));
  await symlink(process.env.AMBIT_COMMAND, join(bin, "ambit"));
  // A link would leave the environment that the packages are in.
  await writeFile(join(bin, "python3"), `#!/bin/sh\nexec ${python} "$@"\n`);
  await writeFile(join(bin, "browser"), `#!/bin/sh\necho "browser $1"\n`);
  for (const name of ["python3", "browser"]) await chmod(join(bin, name), 0o755);
  env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, BROWSER: join(bin, "browser"), NO_COLOR: "1", PYTHONUNBUFFERED: "1" };
  const readme = await readFile(join(here, "../../README.md"), "utf8");
  const block = readme.slice(readme.indexOf(START) + 6).split("```")[0];
  commands = block.trim().split("\n").map((line) => line.replace(/\s+#.*/, ""));
  // The ports are those of the files.
  for (const port of [8282, 8283]) await eventually(() => isFree(port));
});

after(async () => {
  await person?.close();
  if (shell?.exitCode === null) process.kill(-shell.pid);
  if (folder) await rm(folder, { recursive: true, force: true });
});

function isFree(port) {
  return new Promise((done, failed) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => (socket.destroy(), failed(new Error(`somebody listens at ${port}`))));
    socket.once("error", done);
  });
}

/** Waits until the shell has said so. */
async function hears(pattern) {
  for (let tries = 0; tries < 600; tries += 1) {
    const found = pattern.exec(said);
    if (found) return found;
    assert.equal(shell.exitCode, null, said);
    await pause(100);
  }
  assert.fail(`${pattern}: ${said}`);
}

test("five commands lead from an empty folder to a token", { skip, timeout: 180_000 }, async () => {
  assert.equal(commands.length, 5, commands.join("\n"));
  assert.deepEqual(await readdir(join(folder, "empty")), []);
  // The last waits until the passkey is made, as a person would.
  const script = [...commands.slice(0, 4), "read ready", commands[4], "echo ended $?", "read ready", commands[4], "echo ended $?", "read ready"].join("\n");
  shell = spawn("bash", ["-c", script], { cwd: join(folder, "empty"), env, detached: true });
  for (const stream of [shell.stdout, shell.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const [link] = await hears(/http:\/\/localhost:8282\/enrol\?link=\S+/);
  await hears(/the broker listens at /);
  person = await Person.sitDown(process.env.AMBIT_BROWSER);
  await person.enrol(link);

  shell.stdin.write("\n");
  const [, url] = await hears(/browser (http:\/\/localhost:8282\/authorize\S+)/);
  const page = await person.answers(url, "Allow");
  for (const words of ["Let Mail assistant draft e-mail by", "recipient: anyone at \"customer.example\"", "End it at any time: My agents / Stop", "10 minutes, until "]) {
    assert.ok(page.includes(words), `${words}: ${page}`);
  }
  await hears(/I may act for user:ann until \d\d:\d\d:\d\d:\n {2}draft email \(customer-care\)\n[\s\S]*ended 0/);
  const file = join(folder, "empty/token.jwt");
  assert.equal((await stat(file)).mode & 0o077, 0, "others cannot read it");
  const inspected = spawnSync("ambit", ["inspect", "token.jwt"], { cwd: join(folder, "empty"), env, encoding: "utf8" });
  assert.equal(inspected.status, 0, inspected.stderr);
});

test("and a person's no leads to none", { skip, timeout: 60_000 }, async () => {
  said = "";
  shell.stdin.write("\n");
  const [, url] = await hears(/browser (http:\/\/localhost:8282\/authorize\S+)/);
  await person.answers(url, "Refuse");
  await hears(/nothing was allowed: access_denied\n[\s\S]*ended 1/);
});
