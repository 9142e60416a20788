import type { Benchmark, Measured } from "./benchmark.ts";
import { median, spread } from "./statistics.ts";

export interface Outcome {
  name: string;
  compares: string;
  /** Medians over the repetitions. */
  ours: number;
  reference: number;
  /** Median of the ratios of paired repetitions: a disturbance of both cancels out. */
  ratio: number;
  /** Null without a target. */
  target: number | null;
  direction: Benchmark["direction"];
  /** Null without a target. */
  met: boolean | null;
  unit: string;
  spread: { ours: [number, number]; reference: [number, number]; ratio: [number, number] };
  /** Median of the cores that other programs used; null where unknown. */
  othersBusyCores: number | null;
  requirement?: string;
  notes: string[];
  p95Ms?: number;
  pairs: Measured["pairs"];
  raw?: unknown;
}

export function judge(benchmark: Benchmark, measured: Measured): Outcome {
  const ours = measured.pairs.map((pair) => pair.ours);
  const reference = measured.pairs.map((pair) => pair.reference);
  const ratios = measured.pairs.map((pair) => pair.ours / pair.reference);
  const ratio = median(ratios);
  const busy = measured.pairs.flatMap((pair) => pair.busyBefore ?? []);
  return {
    name: benchmark.name,
    compares: benchmark.compares,
    ours: median(ours),
    reference: median(reference),
    ratio,
    target: benchmark.target ?? null,
    direction: benchmark.direction,
    met: benchmark.target === undefined ? null : benchmark.direction === "atLeast" ? ratio >= benchmark.target : ratio <= benchmark.target,
    unit: benchmark.unit,
    spread: { ours: spread(ours), reference: spread(reference), ratio: spread(ratios) },
    othersBusyCores: busy.length > 0 ? median(busy) : null,
    ...(benchmark.requirement ? { requirement: benchmark.requirement } : {}),
    notes: measured.notes,
    ...(measured.p95Ms === undefined ? {} : { p95Ms: measured.p95Ms }),
    pairs: measured.pairs,
    raw: measured.raw,
  };
}
