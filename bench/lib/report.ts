import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadGenerator } from "./load.ts";
import type { Machine, Versions } from "./machine.ts";
import type { Options } from "./options.ts";
import type { Outcome } from "./outcome.ts";
import { resultsFolder } from "./paths.ts";
import type { Surveyed } from "./survey.ts";

export function printHead(machine: Machine, versions: Versions, generator: LoadGenerator, options: Options): void {
  console.log(`machine    ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, load ${machine.loadBefore}`);
  const peers = Object.entries(versions.peers).map(([name, version]) => `${name} ${version}`);
  console.log(`versions   node ${versions.node}, postgres ${versions.postgres}, ${peers.join(", ")}`);
  console.log(`gatehouse  ${versions.gatehouse}`);
  for (const line of versions.differs) console.log(`           differs: ${line}`);
  console.log(`load       ${generator.name} ${generator.version}`);
  console.log(
    `method     at least ${options.repetitions} paired repetitions of ${options.seconds} s over ${options.processes} fresh pairs of processes`,
  );
  if (generator.warning) console.log(`           ${generator.warning}`);
}

export function verdictOf(outcome: Outcome): string {
  if (outcome.target === null) return `ratio ${figure(outcome.ratio)}, for information`;
  const bound = outcome.direction === "atLeast" ? "at least" : "at most";
  const verdict = outcome.met ? "met" : "SHORT";
  return `ratio ${figure(outcome.ratio)}, target ${bound} ${figure(outcome.target)}: ${verdict}`;
}

/** The noise of an idle machine is below this; above it other programs affect the figure. */
const quietCores = 0.2;

export function disturbanceOf(outcome: Pick<Outcome, "othersBusyCores">): string | undefined {
  if (outcome.othersBusyCores === null || outcome.othersBusyCores <= quietCores) return undefined;
  return `other programs used ${outcome.othersBusyCores.toFixed(1)} cores meanwhile: repeat it on a quiet machine`;
}

export function printTable(outcomes: Outcome[]): void {
  if (outcomes.length === 0) return;
  const head = ["benchmark", "ours", "reference", "unit", "ratio", "target", "", "spread ours", "spread reference", "spread ratio"];
  const body = outcomes.map((outcome) => [
    outcome.name,
    figure(outcome.ours),
    figure(outcome.reference),
    outcome.unit,
    figure(outcome.ratio),
    outcome.target === null ? "" : `${outcome.direction === "atLeast" ? ">=" : "<="} ${figure(outcome.target)}`,
    outcome.met === null ? "" : outcome.met ? "met" : "SHORT",
    range(outcome.spread.ours),
    range(outcome.spread.reference),
    range(outcome.spread.ratio),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...body.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  console.log(`\n${line(head)}\n${widths.map((width) => "-".repeat(width)).join("  ")}`);
  for (const cells of body) console.log(line(cells));
  console.log("\nratio: median of the ratios of paired repetitions; ours, reference: medians; spread: lowest .. highest");
  const disturbed = outcomes.filter((outcome) => disturbanceOf(outcome) !== undefined);
  if (disturbed.length > 0) console.log(`not on a quiet machine: ${disturbed.map((outcome) => outcome.name).join(", ")}`);
}

export function printFigures(surveyed: Surveyed): void {
  const width = Math.max(...surveyed.figures.map(({ what }) => what.length));
  for (const { what, value, unit, note } of surveyed.figures) {
    console.log(`  ${what.padEnd(width)}  ${figure(value)} ${unit}${note === undefined ? "" : ` (${note})`}`);
  }
}

export interface Circumstances {
  machine: Machine;
  versions: Versions;
  generator: LoadGenerator;
  options: Options;
}

/** A result file: what was measured, when, on which machine, with what. */
export interface Taken {
  takenAt: string;
  machine: Machine;
  versions: Versions;
  load: { generator: string; version: string; seconds: number };
}

export function writeResult(outcome: Outcome | Surveyed, circumstances: Circumstances): void {
  mkdirSync(resultsFolder, { recursive: true });
  const { machine, versions, generator, options } = circumstances;
  const record: (Outcome | Surveyed) & Taken = {
    ...outcome,
    takenAt: new Date().toISOString(),
    machine,
    versions,
    load: { generator: generator.name, version: generator.version, seconds: options.seconds },
  };
  writeFileSync(join(resultsFolder, `${outcome.name}.json`), `${JSON.stringify(record, null, 2)}\n`);
}

function range([low, high]: [number, number]): string {
  return `${figure(low)} .. ${figure(high)}`;
}

/** Three significant places are what the spread justifies; whole numbers from 100 on. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return Number(value.toPrecision(3)).toString();
}
