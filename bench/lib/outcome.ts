import type { Benchmark, Measured } from "./benchmark.ts";
import { median, spread } from "./statistics.ts";

export interface Outcome {
  name: string;
  compares: string;
  /** Medians over the repetitions. */
  ours: number;
  reference: number;
  /** Median of the ratios of paired repetitions: what slows both neighbours of a pair cancels out. */
  ratio: number;
  /** Null where nothing is asked for. */
  reach: number | null;
  direction: Benchmark["direction"];
  /** Null where nothing is asked for. */
  reached: boolean | null;
  unit: string;
  spread: { ours: [number, number]; reference: [number, number]; ratio: [number, number] };
  /** Median of the cores that others kept busy; null where it cannot be known. */
  othersBusyCores: number | null;
  asked?: string;
  notes: string[];
  p95Ms?: number;
  pairs: Measured["pairs"];
  raw?: unknown;
}

export function judge(row: Benchmark, measured: Measured): Outcome {
  const ours = measured.pairs.map((pair) => pair.ours);
  const reference = measured.pairs.map((pair) => pair.reference);
  const ratios = measured.pairs.map((pair) => pair.ours / pair.reference);
  const ratio = median(ratios);
  const busy = measured.pairs.flatMap((pair) => pair.busyBefore ?? []);
  return {
    name: row.name,
    compares: row.compares,
    ours: median(ours),
    reference: median(reference),
    ratio,
    reach: row.reach ?? null,
    direction: row.direction,
    reached: row.reach === undefined ? null : row.direction === "atLeast" ? ratio >= row.reach : ratio <= row.reach,
    unit: row.unit,
    spread: { ours: spread(ours), reference: spread(reference), ratio: spread(ratios) },
    othersBusyCores: busy.length > 0 ? median(busy) : null,
    ...(row.asked ? { asked: row.asked } : {}),
    notes: measured.notes,
    ...(measured.p95Ms === undefined ? {} : { p95Ms: measured.p95Ms }),
    pairs: measured.pairs,
    raw: measured.raw,
  };
}
