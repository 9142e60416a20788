import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Benchmark } from "../lib/benchmark.ts";
import type { Child } from "../lib/child.ts";
import { startGatehouse } from "../lib/gatehouse.ts";
import { inTurn } from "../lib/in-turn.ts";
import { startPglite } from "../lib/pglite-alone.ts";
import { residentBytes } from "../lib/process-table.ts";
import { scratchFolder } from "../lib/scratch.ts";

/** Time for the start to finish; the same for both sides. */
const idleMs = 5_000;

export const memory: Benchmark = {
  name: "memory",
  compares: "resident memory, embedded, idle on existing data, against a process with PGlite alone",
  unit: "MiB",
  target: 1.3,
  direction: "atMost",
  run: async (bench) => {
    const folder = await scratchFolder(bench.scope);
    const ours = async () => idleMemory((await startGatehouse(bench.scope, { GATEHOUSE_DATA_DIR: join(folder, "gatehouse") })).child);
    const reference = async () => idleMemory((await startPglite(bench.scope, join(folder, "pglite"))).child);
    // The discarded first round creates the data of both.
    return inTurn(bench, "MiB", ours, reference);
  },
};

async function idleMemory(child: Child): Promise<number> {
  await sleep(idleMs);
  if (child.ended) throw new Error(`${child.name} ended while it was idle; it wrote:\n${child.tail()}`);
  const resident = residentBytes(child.pid) / 2 ** 20;
  await child.stop();
  return resident;
}
