// Requests on connections that stay open, and what they took.

import { Agent, request } from "node:http";

const connections = new Agent({ keepAlive: true });

/** One request; redirects are not followed. */
export function ask(method, url, headers = {}, body = undefined) {
  return new Promise((done, failed) => {
    const asked = request(url, { method, headers, agent: connections }, async (answer) => {
      let text = "";
      for await (const part of answer) text += part;
      done({ status: answer.statusCode, headers: answer.headers, text });
    });
    asked.once("error", failed).end(body);
  });
}

/** Runs `work(item)` for each, so many at one time: seconds in all, and the milliseconds of each. */
export async function load(items, most, work) {
  const took = [];
  const left = items[Symbol.iterator]();
  const begun = performance.now();
  const one = async () => {
    for (const item of left) {
      const at = performance.now();
      await work(item);
      took.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: most }, one));
  return { seconds: (performance.now() - begun) / 1000, took: took.sort((a, b) => a - b) };
}

export const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

export const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** The cookies of a browser, as far as they matter here. */
export class Jar {
  constructor(all = {}) {
    this.all = all;
  }

  async ask(method, url, headers = {}, body = undefined) {
    const cookie = Object.entries(this.all).map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await ask(method, url, { ...headers, ...(cookie && { cookie }) }, body);
    for (const line of answer.headers["set-cookie"] ?? []) {
      const [name, ...value] = line.split(";")[0].split("=");
      this.all[name] = value.join("=");
    }
    return answer;
  }
}
