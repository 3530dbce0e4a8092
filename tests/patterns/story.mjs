// Plays a pattern and tells it: `node tests/patterns/story.mjs [support|procurement|assistant]`, with AMBIT_COMMAND and
// AMBIT_BROWSER in its environment. `cargo xtask demo` begins with it. With `--open` nobody clicks but you.

import { lines, missing, Stage } from "./lib/stage.mjs";
import { leaveOpen } from "./lib/open.mjs";

const WIDTH = 98;
const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code) => (text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
const [title, head, yes, no, dim] = ["1;36", "1", "1;32", "1;31", "2"].map(paint);
const say = (text = "") => process.stdout.write(`${text}\n`);

const STORIES = {
  support: ["A refund that a person approves runs once", "Ann works at a support desk with an agent. It reads orders and proposes refunds; each is paid by her yes to exactly it. This is played now: broker, gateway and shop are running, and Ann's clicks are made in Chromium, with a passkey."],
  procurement: ["A ceiling, a list of vendors, and 15 minutes of more", "Ben's agent buys for the office. Above its ceiling he sees what differs, and says yes to one order or to more for 15 minutes."],
  assistant: ["One click sends one mail", "Carla's agent sees when she is free and drafts. What is sent is one mail, as she read it, and then the capability is gone."],
};

function wrap(text, width) {
  const rows = [""];
  for (const word of text.split(" ")) {
    const row = rows.at(-1);
    if (row && row.length + 1 + word.length > width) rows.push(word);
    else rows[rows.length - 1] = row ? `${row} ${word}` : word;
  }
  return rows;
}

/** A label and words beside it. */
function beside(label, style, text) {
  wrap(text, WIDTH - 14).forEach((row, at) => say(`  ${style((at ? "" : label).padEnd(12))}${row}`));
}

/** What a person reads, up to what is folded away, in a frame. */
function framed(page) {
  const rows = page.slice(0, page.indexOf("Details") < 0 ? page.length : page.indexOf("Details"));
  say();
  for (const row of rows.flatMap((row) => wrap(row, WIDTH - 18))) say(`  ${" ".repeat(12)}${dim("│")} ${row}`);
  say();
}

/** A teller for `play`. Names of people are those of the pattern. */
function teller(person, place) {
  const name = person.replace("user:", "");
  const capital = name[0].toUpperCase() + name.slice(1);
  return (who, words) => {
    switch (who) {
      case "agent": return beside("the agent", head, words);
      case "person": return beside(capital, head, words);
      case "service": return beside(place, yes, words);
      case "page": return framed(lines(words));
      case "call": return framed(words);
      default: return beside("DENIED", no, `${words.detail} (${words.code})${words.remedy ? `: ${words.remedy.text ?? words.remedy}` : ""}`);
    }
  };
}

async function main() {
  const words = process.argv.slice(2);
  const [pattern = "support"] = words.filter((word) => !word.startsWith("--"));
  const why = missing();
  if (why) throw new Error(why);
  if (!STORIES[pattern]) throw new Error(`there is no pattern \`${pattern}\``);
  const { cast, play } = await import(`./${pattern}/play.mjs`);
  if (words.includes("--open")) return open(cast);
  const [name, story] = STORIES[pattern];
  say(`\n${title(`${name} ${"─".repeat(Math.max(0, WIDTH - name.length - 1))}`)}`);
  for (const row of wrap(story, WIDTH - 2)) say(`  ${row}`);
  say();
  const stage = await Stage.set(cast);
  // Nothing of it stays behind when it is broken off.
  process.once("SIGINT", () => ((brokenOff = true), stage.close()).finally(() => process.exit(130)));
  try {
    await play(stage, teller(cast.person, { support: "the shop", procurement: "the vendor", assistant: "the desk" }[pattern]));
    stage.world.run("audit", "verify", "gateway.log", "--key", "keys/log.jwk");
    const count = (await stage.world.log("gateway")).length;
    say(`\n  ${dim(`The gateway's log has ${count} lines of this, each bound to the one before and signed; \`ambit audit verify\` has read it.`)}`);
  } finally {
    await stage.close();
  }
}

/** Without a person: whoever has a browser is one. */
async function open(cast) {
  const stage = await Stage.set(cast, { person: false });
  try {
    await leaveOpen(stage, say);
  } finally {
    await stage.close();
  }
}

let brokenOff = false;
main().catch((error) => {
  if (brokenOff) return;
  process.stderr.write(`${error.stack ?? error}\n`);
  process.exitCode = 1;
});
