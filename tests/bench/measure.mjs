// Samples in Node: median, tenth and ninetieth percentile in nanoseconds a run, one JSON line each.

import { performance } from "node:perf_hooks";

const SAMPLE_MS = 8;

function time(work, runs) {
  const start = performance.now();
  for (let run = 0; run < runs; run += 1) work();
  return performance.now() - start;
}

export function measure(labels, work, count = 101) {
  const warm = performance.now();
  while (performance.now() - warm < 300) work();
  let runs = 1;
  while (time(work, runs) < SAMPLE_MS) runs *= 2;
  const samples = Array.from({ length: count }, () => (time(work, runs) * 1e6) / runs);
  samples.sort((left, right) => left - right);
  const at = (percent) => Math.round(samples[Math.floor(((count - 1) * percent) / 100)]);
  const line = { ...labels, unit: "ns", median: at(50), p10: at(10), p90: at(90), samples: count, runs };
  console.log(JSON.stringify(line));
}
