/** Kills the processes of its suite and deletes its folders when the suite has ended, which closes the input. */
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { below, sendSignal } from "./process-tree.ts";
import type { Owned } from "./reaper.ts";

const owned = new Map<string, Owned>();
for await (const line of createInterface({ input: process.stdin })) {
  const { reap, spare } = JSON.parse(line) as { reap?: Owned; spare?: Owned };
  if (reap) owned.set(JSON.stringify(reap), reap);
  if (spare) owned.delete(JSON.stringify(spare));
}
for (const what of owned.values()) {
  if (!("process" in what)) continue;
  for (const id of below(what.process)) sendSignal(id, "SIGKILL");
  // The process group that it leads.
  sendSignal(-what.process, "SIGKILL");
}
for (const what of owned.values()) {
  if ("folder" in what) rmSync(what.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
