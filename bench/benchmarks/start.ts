import { join } from "node:path";
import type { Bench, Benchmark } from "../lib/benchmark.ts";
import { startGatehouse } from "../lib/gatehouse.ts";
import { inTurn } from "../lib/in-turn.ts";
import { startPglite } from "../lib/pglite-alone.ts";
import { scratchFolder } from "../lib/scratch.ts";

/** Starts are measured one at a time: each process is stopped gracefully before the next start. */
async function gatehouseReadyMs(bench: Bench, folder: string): Promise<number> {
  const { child, readyMs } = await startGatehouse(bench.scope, { GATEHOUSE_DATA_DIR: folder });
  await child.stop();
  return readyMs;
}

async function pgliteReadyMs(bench: Bench, folder: string): Promise<number> {
  const { child, readyMs } = await startPglite(bench.scope, folder);
  await child.stop();
  return readyMs;
}

export const startExisting: Benchmark = {
  name: "start-existing",
  compares: "spawn to ready, embedded, on existing data, against PGlite alone opened in a fresh process",
  unit: "ms",
  target: 4,
  direction: "atMost",
  run: async (bench) => {
    const folder = await scratchFolder(bench.scope);
    const ours = () => gatehouseReadyMs(bench, join(folder, "gatehouse"));
    const reference = () => pgliteReadyMs(bench, join(folder, "pglite"));
    bench.say("creating the data of both");
    await ours();
    await reference();
    return inTurn(bench, "ms", ours, reference);
  },
};

export const startFirst: Benchmark = {
  name: "start-first",
  compares: "spawn to ready, embedded, first start, against PGlite alone created in a fresh process",
  unit: "ms",
  target: 2.5,
  direction: "atMost",
  run: async (bench) =>
    inTurn(
      bench,
      "ms",
      async () => gatehouseReadyMs(bench, join(await scratchFolder(bench.scope), "gatehouse")),
      async () => pgliteReadyMs(bench, join(await scratchFolder(bench.scope), "pglite")),
    ),
};
