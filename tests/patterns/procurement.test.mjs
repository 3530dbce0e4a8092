// Procurement, end to end, and then everything that must get nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { eventually, missing, refused, Stage, told } from "./lib/stage.mjs";
import { cast, order, play, wider } from "./procurement/play.mjs";

const skip = missing();
let stage, had;

before(async () => {
  if (!skip) stage = await Stage.set(cast, { pictures: process.env.AMBIT_PICTURES });
});
after(() => stage?.close());

const ran = (count) => assert.equal(stage.ran.length, count, JSON.stringify(stage.ran));

test("orders within the ceiling, one by a yes, and more by a wider grant", { skip, timeout: 120_000 }, async () => {
  had = await play(stage, () => {});
  ran(3);
  assert.deepEqual(stage.person.complaints, []);
  console.log(had.words);
});
