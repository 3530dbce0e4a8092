// A policy with its keys, a broker that people reach, and an enforcement point: the built command, as it is.

import { spawn, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const here = join(dirname(fileURLToPath(import.meta.url)), "..");

/** A port of this machine that is free now, of those that the system gives to nobody by itself. */
async function freePort() {
  for (let tries = 0; tries < 50; tries += 1) {
    const server = createServer();
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise((done) => server.once("error", () => done(false)).listen(port, "127.0.0.1", () => done(true)));
    if (!free) continue;
    await new Promise((done) => server.close(done));
    return port;
  }
  throw new Error("no port is free");
}

export class World {
  /** The folder `pattern`, built and signed, for an agent of this class and instance. */
  static async make(command, pattern, agent) {
    const world = new World();
    world.command = command;
    world.running = [];
    world.folder = await mkdtemp(join(tmpdir(), `ambit-${pattern}-`));
    try {
      await world.build(pattern, agent);
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  async build(pattern, agent) {
    const [broker, service, back] = [await freePort(), await freePort(), await freePort()];
    // Passkeys need https, or this name.
    this.broker = `http://localhost:${broker}`;
    this.service = `http://127.0.0.1:${service}${agent.path ?? ""}`;
    this.agent = { ...agent, redirect: `http://127.0.0.1:${back}/back`, key: "keys/client.jwk", broker: this.broker, service: this.service };
    await cp(join(here, pattern), this.folder, { recursive: true });
    await this.keys();
    await this.write("broker.toml", this.brokerFile());
    this.run("build", ".", "-o", "policy.wasm");
    this.run("sign", "policy.wasm", "--key", "keys/module.jwk");
  }

  async keys() {
    await mkdir(this.path("keys"));
    await this.fill("ambit.toml");
    let rows = "";
    const made = (name, more = []) => this.run("keygen", "-o", `keys/${name}.jwk`, "--kid", name, ...more);
    for (const [name, signs] of [["issuer", "cap+jwt"], ["approve", "approval-receipt+jwt"], ["epochs", "revocation-epochs+jwt"]]) {
      rows += `\n${made(name, ["--toml", "--iss", this.broker]).replace("cap+jwt", signs)}`;
    }
    await this.write("ambit.toml", (await this.read("ambit.toml")) + rows);
    await this.write("keys/client.pub.jwk", made("client"));
    made("log");
    const { kid, ...jwk } = JSON.parse(made("module"));
    await this.write("keys.json", JSON.stringify({ threshold: 1, keys: [{ kid, jwk }] }));
  }

  brokerFile() {
    const { uid, id, redirect } = this.agent;
    return `issuer = "${this.broker}"
database = "broker.sqlite"
token_key = "keys/issuer.jwk"
receipt_key = "keys/approve.jwk"
epochs_key = "keys/epochs.jwk"
life_seconds = ${this.agent.life ?? 900}
${this.agent.limits ?? ""}

[[clients]]
client_id = "${id}"
keys = ["keys/client.pub.jwk"]
redirect_uris = ["${redirect}"]
audiences = ["${this.service}"]
act = "${id}"
agent = { uid = "${uid}" }
`;
  }

  path(name) {
    return join(this.folder, name);
  }

  read(name) {
    return readFile(this.path(name), "utf8");
  }

  /** Writes a file as a whole, as those must be that a running process reads again. */
  async write(name, text) {
    await writeFile(this.path(`${name}.new`), text);
    await rename(this.path(`${name}.new`), this.path(name));
  }

  /** Puts the addresses of this run into a file of the pattern. */
  async fill(name) {
    const text = await this.read(name);
    await this.write(name, text.replaceAll("{{broker}}", this.broker).replaceAll("{{service}}", this.service));
  }

  /** What a command printed. */
  run(...words) {
    const run = spawnSync(this.command, words, { cwd: this.folder, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
    if (run.status !== 0) throw new Error(`ambit ${words.join(" ")}: ${run.error ?? run.stderr}`);
    return run.stdout;
  }

  get trusting() {
    return ["--module", "policy.wasm", "--trust", "keys.json"];
  }

  /** Starts the broker, and keeps the revocations that it serves in a file, as a job beside each gateway does. */
  async serve() {
    const at = new URL(this.broker).host.replace("localhost", "127.0.0.1");
    const words = ["serve", "broker.toml", ...this.trusting, "--seen", "seen-broker.json", "--listen", at];
    const broker = await this.start([...words, "--log", "broker.log", "--log-key", "keys/log.jwk"], "the broker listens at ");
    await this.fetchEpochs();
    return broker;
  }

  async fetchEpochs() {
    const told = await fetch(`${this.broker}/epochs`);
    if (!told.ok) throw new Error(`the broker serves no epochs: ${told.status}`);
    await this.write("epochs.jwt", await told.text());
  }

  freePort() {
    return freePort();
  }

  /** Starts an enforcement point, `gateway KIND`, and resolves to the process. `at` is an address other than the service's. */
  async guard(kind, behind, { at = new URL(this.service).host, log = "gateway", more = [] } = {}) {
    const file = `${kind}.toml`;
    await this.fill(file);
    const words = ["gateway", kind, file, ...this.trusting, "--seen", "seen.json", "--listen", at, ...more];
    const kept = ["--ledger", "used.sqlite", "--statements", "epochs.jwt", "--log", `${log}.log`, "--log-key", "keys/log.jwk"];
    return this.start([...words, ...kept, ...behind], kind === "mcp" ? "checking at " : "passing on at ");
  }

  start(words, mark) {
    const child = spawn(this.command, words, { cwd: this.folder, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, NO_COLOR: "1" } });
    child.ended = new Promise((done) => child.once("exit", done));
    this.running.push(child);
    child.said = "";
    child.stderr.setEncoding("utf8");
    return new Promise((done, failed) => {
      child.once("error", failed);
      child.once("exit", () => failed(new Error(`ambit ${words.join(" ")} ended: ${child.said}`)));
      child.stderr.on("data", (text) => {
        child.said += text;
        if (child.said.includes(mark)) done(child);
      });
    });
  }

  async stop(child) {
    child.kill();
    await child.ended;
  }

  /** A link by which this person makes a passkey. */
  invitation(sub) {
    return this.run("serve", "broker.toml", ...this.trusting, "--invite", sub).trim();
  }

  /** The entries of a log: `broker` or `gateway`. */
  async log(name) {
    const lines = (await this.read(`${name}.log`)).trim().split("\n");
    return lines.map((line) => JSON.parse(line));
  }

  async close() {
    await Promise.all(this.running.map((child) => this.stop(child)));
    await rm(this.folder, { recursive: true, force: true });
  }
}
