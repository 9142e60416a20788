/**
 * node bench/run.ts [NAME ...] [--check] [--list]
 *
 * Runs the named rows, or all of them. NAME also selects every row that begins with `NAME-`.
 * Exit codes: 0 done, 1 a row failed (or, with --check, fell short), 2 wrong usage, 130 interrupted.
 */

import { killLeftovers } from "./lib/child.ts";
import { readOptions, UsageError } from "./lib/options.ts";
import type { Outcome } from "./lib/outcome.ts";
import { installPeers } from "./lib/peers.ts";
import type { Bench, Row } from "./lib/row.ts";

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env);
  installPeers();
  // Loaded only now, because these files import the peers that have just been installed.
  const { rows, selectRows } = await import("./rows/index.ts");
  if (options.list) {
    for (const row of rows) console.log(`${row.name.padEnd(28)} ${row.compares}`);
    return 0;
  }
  const selected = selectRows(options.names);

  const { describeMachine, describeVersions } = await import("./lib/machine.ts");
  const { chooseLoadGenerator } = await import("./lib/load.ts");
  const { printHead, printTable, disturbanceOf, verdictOf, writeResult } = await import("./lib/report.ts");
  const { judge } = await import("./lib/outcome.ts");

  const generator = await chooseLoadGenerator();
  const machine = describeMachine();
  const versions = await describeVersions();
  printHead(machine, versions, generator, options);

  const outcomes: Outcome[] = [];
  let failed = 0;
  for (const row of selected) {
    console.log(`\n${row.name}: ${row.compares}`);
    try {
      const measured = await runRow(row, {
        generator,
        seconds: options.seconds,
        repetitions: options.repetitions,
        processes: options.processes,
        say: (line) => console.log(`  ${line}`),
      });
      const outcome = judge(row, measured);
      outcomes.push(outcome);
      console.log(`  ${verdictOf(outcome)}`);
      const disturbance = disturbanceOf(outcome);
      if (disturbance) console.log(`  ${disturbance}`);
      if (row.asked) console.log(`  for comparison, ${row.asked}`);
      writeResult(outcome, { machine, versions, generator, options });
    } catch (error) {
      failed += 1;
      console.error(`  FAILED: ${error instanceof Error ? error.message : String(error)}`);
      if (process.env["BENCH_DEBUG"] && error instanceof Error) console.error(error.stack);
    }
  }

  printTable(outcomes);
  if (failed > 0) console.error(`\n${failed} of ${selected.length} rows failed; a failed row has no figure.`);
  const short = outcomes.filter((outcome) => outcome.reached === false);
  if (options.check && short.length > 0) {
    console.error(`\nShort of their reach: ${short.map((outcome) => outcome.name).join(", ")}`);
  }
  return failed > 0 || (options.check && short.length > 0) ? 1 : 0;
}

/** What the running row has opened; an interrupt closes it too. */
let open: AsyncDisposableStack | undefined;

async function runRow(row: Row, bench: Omit<Bench, "scope">) {
  const scope = new AsyncDisposableStack();
  open = scope;
  try {
    return await row.run({ ...bench, scope });
  } finally {
    open = undefined;
    await scope.disposeAsync();
  }
}

function interrupted(): void {
  console.error("\ninterrupted: stopping what was started");
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
