// What a pattern is played on: a policy, a broker, a person at a browser, an agent, and a service behind its gateway.

import assert from "node:assert/strict";

import { Agent } from "./agent.mjs";
import { Person } from "./person.mjs";
import { serve } from "./service.mjs";
import { World } from "./world.mjs";

/** Why nothing can be played here, or `false`. */
export const missing = () =>
  !process.env.AMBIT_COMMAND ? "no AMBIT_COMMAND" : !process.env.AMBIT_BROWSER ? "no AMBIT_BROWSER: pages need a browser" : false;

export class Stage {
  /** `cast` says who plays: see `../support/play.mjs`. `options` are those of the person; `person: false` for none. */
  static async set(cast, options = {}) {
    const stage = new Stage();
    stage.cast = cast;
    stage.ran = [];
    try {
      await stage.build(options);
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  async build(options) {
    const { folder, kind, person } = this.cast;
    this.world = await World.make(process.env.AMBIT_COMMAND, folder, this.cast.agent);
    this.service = await serve(this.cast.service(this.ran));
    this.behind = ["--upstream", `http://${this.service.address}${this.cast.agent.path ?? ""}`];
    this.broker = await this.world.serve();
    this.gateway = await this.world.guard(kind, this.behind);
    this.agent = new Agent(this.world.agent, this.world.path("keys/client.jwk"));
    if (options.person === false) return;
    this.person = await Person.sitDown(process.env.AMBIT_BROWSER, options);
    await this.person.enrol(this.world.invitation(person));
  }

  /** What is on the pages about which the person is asked, as one line each. */
  async reads(url) {
    return lines(await this.person.open(url));
  }

  /** The person opens what an agent handed in, from the page of their agents, and answers it: what they read. */
  async answersCall(button, { reason, name } = {}) {
    const { person, world } = this;
    const list = lines(await person.open(`${world.broker}/agents`));
    await Promise.all([person.page.waitForNavigation(), person.page.getByRole("link", { name: "Read and answer" }).click()]);
    const page = lines(await person.words());
    if (name) await person.picture(name);
    if (reason) await person.page.locator("input[name=reason]").fill(reason);
    await person.click(button);
    return { list, page };
  }

  /** The person stops the agent, and gateways hear of it. */
  async stops() {
    await this.person.open(`${this.world.broker}/agents`);
    await this.person.page.getByRole("button", { name: /^Stop/ }).first().click();
    await this.person.page.waitForLoadState();
    await this.world.fetchEpochs();
  }

  /** Broker and gateway are gone from one moment to the next, and come again. */
  async crashes() {
    for (const child of [this.broker, this.gateway]) {
      child.kill("SIGKILL");
      await child.ended;
    }
    this.broker = await this.world.serve();
    this.gateway = await this.world.guard(this.cast.kind, this.behind);
  }

  /** The same gateway, so many seconds later. */
  async later(seconds, during) {
    const at = `127.0.0.1:${await this.world.freePort()}`;
    const now = String(Math.floor(Date.now() / 1000) + seconds);
    const gateway = await this.world.guard(this.cast.kind, this.behind, { at, log: "later", more: ["--now", now] });
    this.agent.ahead = seconds;
    try {
      await during(`http://${at}${this.cast.agent.path ?? ""}`);
    } finally {
      this.agent.ahead = 0;
      await this.world.stop(gateway);
    }
  }

  async close() {
    await this.person?.close();
    await this.service?.close();
    await this.world?.close();
  }
}

export const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** The call was refused, with this code, in words that have these. */
export function refused(answer, code, words) {
  assert.equal(answer.body?.code, code, JSON.stringify(answer.body));
  assert.ok([401, 403].includes(answer.status), `${answer.status}`);
  if (words) assert.ok(JSON.stringify(answer.body).includes(words), `${words}: ${JSON.stringify(answer.body)}`);
}

/** Each line of the log is as it was written: what was said of each, in order. */
export async function told(world, name) {
  const run = world.run("audit", "verify", `${name}.log`, "--key", "keys/log.jwk");
  assert.match(run, /./);
  return (await world.log(name)).map(({ type, data }) => ({ type, code: data.status_code, data }));
}

/** The records of the decisions that were discharged, so that what was asked could run. */
export async function permitted(world, name) {
  const entries = await world.log(name);
  const ends = entries.map(({ data }) => data.unmapped).filter((end) => end?.verdict === "permitted");
  const byId = new Map(entries.map(({ id, data }) => [id, data.unmapped?.record]));
  return ends.map(({ decision }) => byId.get(decision));
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Gateways look at their files about once a second. */
export async function eventually(check) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await check();
    } catch (error) {
      if (tries === 40) throw error;
      await pause(250);
    }
  }
}
