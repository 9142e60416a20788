import { randomUUID } from "node:crypto";
import { openQueues, type Queues } from "../in-process/jobs.ts";
import type { Bench, Benchmark, Measured } from "../lib/benchmark.ts";
import { percentile } from "../lib/calls.ts";
import { inTurn } from "../lib/in-turn.ts";
import { freshDatabase } from "../lib/postgres.ts";

const jobCount = 300;
/** Single jobs, one after the other. */
const single = 50;

export const jobs: Benchmark = {
  name: "jobs",
  compares: `${jobCount} jobs that are enqueued in one transaction, until the last is done, against bare pg-boss fetching and completing one after the other`,
  unit: "jobs/s",
  direction: "atLeast",
  requirement: "20 tasks a minute, p95 below 30 s",
  run,
};

async function run(bench: Bench): Promise<Measured> {
  const queues = await openQueues(await freshDatabase(bench.scope), await freshDatabase(bench.scope));
  bench.scope.defer(() => queues.close());
  const measured = await inTurn(
    bench,
    "jobs/s",
    async () => jobCount / (await allDone(queues.product)),
    async () => jobCount / (await allDone(queues.bare)),
  );
  const delays: number[] = [];
  for (let index = 0; index < single; index += 1) delays.push((await queues.product([randomUUID()])).seconds * 1_000);
  const notes = [
    `a single job, from the commit until it is done: p50 ${percentile(delays, 0.5).toFixed(1)} ms, p95 ${percentile(delays, 0.95).toFixed(1)} ms, of ${single}`,
  ];
  for (const note of notes) bench.say(note);
  return { ...measured, notes, p95Ms: percentile(delays, 0.95), raw: { aloneMs: delays } };
}

async function allDone(does: Queues["product"]): Promise<number> {
  const ids = Array.from({ length: jobCount }, () => randomUUID());
  const { seconds, done } = await does(ids);
  const wanted = new Set<string>(ids);
  if (done.length !== jobCount || done.some((id) => !wanted.delete(id)))
    throw new Error(`of ${jobCount} jobs ${done.length} were done, or others`);
  return seconds;
}
