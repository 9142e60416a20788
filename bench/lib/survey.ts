import type { Bench } from "./benchmark.ts";

/** Measured figures without a reference: sizes, bytes, connections. */
export interface Survey {
  name: string;
  /** One line: what is measured. */
  measures: string;
  run(bench: Bench): Promise<Figure[]>;
}

export interface Figure {
  /** The name for the page; unique within its survey. */
  id: string;
  what: string;
  value: number;
  unit: string;
  /** An explanation, where the unit is not enough. */
  note?: string;
}

export interface Surveyed {
  name: string;
  measures: string;
  figures: Figure[];
  /** Cores that other programs used before; null where unknown. A busy machine changes rates, but not sizes. */
  othersBusyCores: number | null;
}
