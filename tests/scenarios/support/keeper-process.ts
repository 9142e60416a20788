/** Ends what its suite has started and removes its folders, as soon as the suite is gone: then the input ends. */
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Kept } from "./keeper.ts";
import { below, tell } from "./process-tree.ts";

const kept = new Map<string, Kept>();
for await (const line of createInterface({ input: process.stdin })) {
  const { keep, letGo } = JSON.parse(line) as { keep?: Kept; letGo?: Kept };
  if (keep) kept.set(JSON.stringify(keep), keep);
  if (letGo) kept.delete(JSON.stringify(letGo));
}
for (const what of kept.values()) {
  if (!("process" in what)) continue;
  for (const id of below(what.process)) tell(id, "SIGKILL");
  // Its group, of which it is the first.
  tell(-what.process, "SIGKILL");
}
for (const what of kept.values()) {
  if ("folder" in what) rmSync(what.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
