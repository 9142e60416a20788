import type { Bench } from "./benchmark.ts";

/** Figures that have no reference to be held against: sizes, bytes, connections. All of them are measured. */
export interface Survey {
  name: string;
  /** One line: what is measured. */
  measures: string;
  run(bench: Bench): Promise<Figure[]>;
}

export interface Figure {
  /** By this name the page finds it; unique within its survey. */
  id: string;
  what: string;
  value: number;
  unit: string;
  /** How it came about, where the unit does not say it. */
  note?: string;
}

export interface Surveyed {
  name: string;
  measures: string;
  figures: Figure[];
  /** Cores that others kept busy before; null where it cannot be known. Sizes are the same on a busy machine, rates are not. */
  othersBusyCores: number | null;
}
