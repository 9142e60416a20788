/**
 * node bench/run.ts [NAME ...] [--check] [--list]
 * node bench/run.ts --capacity
 * node bench/run.ts --page
 *
 * Runs the named benchmarks and surveys, or all of them. NAME also selects every one that starts with `NAME-`.
 * --capacity runs those of docs/operations/capacity.md and writes that page; --page writes it from existing results.
 * Exit codes: 0 done, 1 a benchmark failed (or, with --check, fell short), 2 wrong usage, 130 interrupted.
 */

import type { Bench } from "./lib/benchmark.ts";
import { killLeftovers } from "./lib/child.ts";
import { readOptions, UsageError } from "./lib/options.ts";
import type { Outcome } from "./lib/outcome.ts";
import { installPeers } from "./lib/peers.ts";

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env);
  installPeers();
  // Loaded here, because these files import the peers that were just installed.
  const { entries, select } = await import("./benchmarks/index.ts");
  const { writePage, shownOnPage } = await import("./page/page.ts");
  if (options.list) {
    for (const entry of entries) console.log(`${entry.name.padEnd(28)} ${"compares" in entry ? entry.compares : entry.measures}`);
    return 0;
  }
  if (options.page) {
    console.log(`wrote ${writePage()}`);
    return 0;
  }
  const selected = options.capacity ? select(shownOnPage) : select(options.names);

  const { describeMachine, describeVersions } = await import("./lib/machine.ts");
  const { chooseLoadGenerator } = await import("./lib/load.ts");
  const { printFigures, printHead, printTable, disturbanceOf, verdictOf, writeResult } = await import("./lib/report.ts");
  const { judge } = await import("./lib/outcome.ts");
  const { busyCores } = await import("./lib/quiet.ts");

  const generator = await chooseLoadGenerator();
  const machine = describeMachine();
  const versions = await describeVersions();
  printHead(machine, versions, generator, options);

  const outcomes: Outcome[] = [];
  let failed = 0;
  const bench = {
    generator,
    seconds: options.seconds,
    repetitions: options.repetitions,
    processes: options.processes,
    say: (line: string) => console.log(`  ${line}`),
  };
  const circumstances = { machine, versions, generator, options };
  for (const benchmark of selected) {
    console.log(`\n${benchmark.name}: ${"compares" in benchmark ? benchmark.compares : benchmark.measures}`);
    try {
      if ("measures" in benchmark) {
        const othersBusyCores = await busyCores();
        const surveyed = { name: benchmark.name, measures: benchmark.measures, figures: await inScope(benchmark, bench), othersBusyCores };
        printFigures(surveyed);
        writeResult(surveyed, circumstances);
        continue;
      }
      const measured = await inScope(benchmark, bench);
      const outcome = judge(benchmark, measured);
      outcomes.push(outcome);
      console.log(`  ${verdictOf(outcome)}`);
      const disturbance = disturbanceOf(outcome);
      if (disturbance) console.log(`  ${disturbance}`);
      if (benchmark.requirement) console.log(`  for comparison, ${benchmark.requirement}`);
      writeResult(outcome, circumstances);
    } catch (error) {
      failed += 1;
      console.error(`  FAILED: ${error instanceof Error ? error.message : String(error)}`);
      if (process.env["BENCH_DEBUG"] && error instanceof Error) console.error(error.stack);
    }
  }

  printTable(outcomes);
  if (failed > 0) console.error(`\n${failed} of ${selected.length} benchmarks failed; a failed benchmark has no figure.`);
  const short = outcomes.filter((outcome) => outcome.met === false);
  if (options.check && short.length > 0) {
    console.error(`\nShort of their target: ${short.map((outcome) => outcome.name).join(", ")}`);
  }
  if (options.capacity) {
    if (failed > 0) console.error("\nThe page is not written, because it would mix figures of different runs.");
    else console.log(`\nwrote ${writePage()}`);
  }
  return failed > 0 || (options.check && short.length > 0) ? 1 : 0;
}

/** The scope of the running benchmark; an interrupt disposes of it, too. */
let open: AsyncDisposableStack | undefined;

async function inScope<Result>(benchmark: { run(bench: Bench): Promise<Result> }, bench: Omit<Bench, "scope">): Promise<Result> {
  const scope = new AsyncDisposableStack();
  open = scope;
  try {
    return await benchmark.run({ ...bench, scope });
  } finally {
    // An interrupt is disposing of it already, and then ends the bench; nothing may continue or end it earlier.
    if (interruption) await interruption;
    open = undefined;
    await scope.disposeAsync();
  }
}

/** Never settles: the process ends when everything is closed. */
let interruption: Promise<never> | undefined;

function interrupted(): void {
  if (interruption) return;
  console.error("\ninterrupted: stopping what was started");
  interruption = new Promise<never>(() => {});
  const closing = open?.disposeAsync() ?? Promise.resolve();
  closing.catch((error: unknown) => console.error(error)).finally(() => process.exit(130));
}

process.once("SIGINT", interrupted);
process.once("SIGTERM", interrupted);
process.on("exit", killLeftovers);

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(error instanceof UsageError ? 2 : 1);
}
