import type { LoadGenerator } from "./load.ts";

/** One figure: the product against one reference, measured in one run. */
export interface Benchmark {
  name: string;
  /** One line: what is held against what. */
  compares: string;
  unit: string;
  /** The ratio ours / reference that is asked for; absent: the figure is information and not judged. */
  reach?: number;
  direction: "atLeast" | "atMost";
  /** What the source documents ask in absolute terms; printed beside, never judged. */
  asked?: string;
  run(bench: Bench): Promise<Measured>;
}

export interface Bench {
  generator: LoadGenerator;
  seconds: number;
  repetitions: number;
  processes: number;
  /** Everything started or created is deferred here, and undone in reverse when the row ends or is interrupted. */
  scope: AsyncDisposableStack;
  say(line: string): void;
}

/** The values of one repetition, taken one right after the other. */
export interface Pair {
  ours: number;
  reference: number;
  /** Cores that others kept busy just before. */
  busyBefore: number | null;
}

export interface Measured {
  pairs: Pair[];
  /** Information beside the figure: latencies, processor shares, chosen pool size. */
  notes: string[];
  /** Of our side, in milliseconds, where a row times single requests: the median of the repetitions' 95th percentiles. */
  p95Ms?: number;
  /** Everything that was recorded of each repetition, for the result file. */
  raw?: unknown;
}
