/**
 * `npm run drill:restore [-- --quick]`: practises a restore. On a separate PostgreSQL with the shipped archiving: write, delete the
 * disk, restore, and compare with the targets for lost data and time.
 */
import { whyNoDrill } from "./cluster.ts";
import { drillRestore } from "./drill.ts";

/** Targets: RPO and RTO. */
const rpoSecondsMax = 5 * 60;
const rtoSecondsMax = 15 * 60;

const quick = process.argv.includes("--quick");
const why = whyNoDrill();
if (why !== undefined) {
  process.stderr.write(`The drill cannot run here: ${why}.\n`);
  process.exit(78);
}
const say = (line: string) => void process.stdout.write(`${line}\n`);
// The long form writes for longer than the shipped archive_timeout, so that a segment is archived by time.
const report = await drillRestore(
  quick ? { perSecond: 10, phaseSeconds: 4, archiveSeconds: 2 } : { perSecond: 20, phaseSeconds: 75, archiveSeconds: 60 },
  say,
);
say("");
say(`acknowledged writes     ${report.acknowledged}`);
say(`lost with the disk      ${report.lost}, the oldest ${report.rpoSeconds.toFixed(1)} s before the loss (at most ${rpoSecondsMax} s)`);
say(`ready again after       ${report.rtoSeconds.toFixed(1)} s (at most ${rtoSecondsMax} s)`);
say(`wrong at the named time ${report.wrongAtNamedTime}`);
for (const line of report.verified) say(line);
const good = report.rpoSeconds <= rpoSecondsMax && report.rtoSeconds <= rtoSecondsMax && report.wrongAtNamedTime === 0;
process.exitCode = good ? 0 : 1;
