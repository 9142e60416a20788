import type { LoadGenerator } from "./load.ts";

/** One figure: the product against one reference, measured in one run. */
export interface Benchmark {
  name: string;
  /** One line: what is compared with what. */
  compares: string;
  unit: string;
  /** The required ratio ours / reference; absent: the figure is information and not judged. */
  target?: number;
  direction: "atLeast" | "atMost";
  /** The absolute requirement of the source documents; printed for comparison, never judged. */
  requirement?: string;
  run(bench: Bench): Promise<Measured>;
}

export interface Bench {
  generator: LoadGenerator;
  seconds: number;
  repetitions: number;
  processes: number;
  /** Everything started or created is deferred here, and undone in reverse when the benchmark ends or is interrupted. */
  scope: AsyncDisposableStack;
  say(line: string): void;
}

/** The values of one repetition, taken one right after the other. */
export interface Pair {
  ours: number;
  reference: number;
  /** Cores that other programs used just before. */
  busyBefore: number | null;
}

export interface Measured {
  pairs: Pair[];
  /** Additional information: latencies, processor shares, chosen pool size. */
  notes: string[];
  /** Of our side, in milliseconds, where single requests are timed: the median of the repetitions' 95th percentiles. */
  p95Ms?: number;
  /** Everything that was recorded of each repetition, for the result file. */
  raw?: unknown;
}
