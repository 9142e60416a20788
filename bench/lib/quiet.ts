import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const windowMs = 300;

/**
 * Cores that are busy while neither side has work, by other programs. Null without /proc/stat.
 */
export async function busyCores(): Promise<number | null> {
  const before = machineTime();
  await sleep(windowMs);
  const after = machineTime();
  if (before === null || after === null || after.all === before.all) return null;
  return ((after.busy - before.busy) / (after.all - before.all)) * availableParallelism();
}

function machineTime(): { busy: number; all: number } | null {
  try {
    // proc(5): user nice system idle iowait irq softirq steal; what a guest uses is in user already.
    const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
    const times = line.trim().split(/\s+/).slice(1, 9).map(Number);
    const all = times.reduce((sum, time) => sum + time, 0);
    return { all, busy: all - (times[3] ?? 0) - (times[4] ?? 0) };
  } catch {
    return null;
  }
}
