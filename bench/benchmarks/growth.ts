import type { GrowthResult } from "../in-process/growth.ts";
import type { Bench, Benchmark, Measured } from "../lib/benchmark.ts";
import { startNode } from "../lib/child.ts";
import { UsageError } from "../lib/options.ts";
import { inProcessFile } from "../lib/paths.ts";
import { freshDatabase } from "../lib/postgres.ts";
import { scratchFolder } from "../lib/scratch.ts";
import { median } from "../lib/statistics.ts";

const smallest = 1_000;
const step = 10;
/** A slow disk needs minutes to write a million users. */
const timeoutMs = 900_000;

export const growth: Benchmark = {
  name: "growth",
  compares: "warm decision by the server's reader, 1,000 users spread over the whole population, against the same with 1,000 users",
  unit: "ns",
  target: 1.2,
  direction: "atMost",
  run,
};

/** 1,000, ten times that, and so on up to BENCH_USERS. */
function sizes(): number[] {
  const text = process.env["BENCH_USERS"] ?? "";
  const largest = text === "" ? 1_000_000 : Number(text);
  if (!Number.isInteger(largest / smallest) || largest <= smallest || largest > 10_000_000) {
    throw new UsageError(`BENCH_USERS got "${text}"; it takes a multiple of ${smallest}, more than that and 10,000,000 at most.`);
  }
  const between: number[] = [];
  for (let users = smallest; users < largest; users *= step) between.push(users);
  return [...between, largest];
}

async function run(bench: Bench): Promise<Measured> {
  const databases: string[] = [];
  for (const users of sizes()) databases.push(`${users}=${await freshDatabase(bench.scope)}`);
  const child = startNode(bench.scope, {
    name: "growth",
    args: [
      inProcessFile("growth.ts"),
      String(bench.seconds * 0.25),
      String(bench.repetitions),
      await scratchFolder(bench.scope),
      ...databases,
    ],
    env: { NODE_ENV: "production" },
  });
  child.process.stdout?.on("data", (text: string) => {
    for (const line of text.split("\n")) if (line.startsWith("say ")) bench.say(line.slice(4));
  });
  const result = JSON.parse(await child.line("result", timeoutMs)) as GrowthResult;
  await child.stop();
  const last = result.sizes.length - 1;
  const pairs = result.repetitions.map(({ nanoseconds, busyBefore }) => ({
    ours: nanoseconds[last] ?? Number.NaN,
    reference: nanoseconds[0] ?? Number.NaN,
    busyBefore,
  }));
  const notes = result.sizes.map(({ users, organizations }, index) => {
    const warm = median(result.repetitions.map(({ nanoseconds }) => nanoseconds[index] ?? Number.NaN));
    const cold = result.coldMs[index] ?? Number.NaN;
    return `${users.toLocaleString("en-US")} users, ${organizations.toLocaleString("en-US")} organizations: ${warm.toFixed(0)} ns, cold ${cold.toFixed(2)} ms`;
  });
  if (result.waited > 0) notes.push(`${result.waited} of the timed decisions had to wait for the log`);
  for (const note of notes) bench.say(`for information, ${note}`);
  return { pairs, notes, raw: result };
}
