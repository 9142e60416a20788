import { expect, it } from "vitest";
import { whyNoDrill } from "../../scripts/drills/cluster.ts";
import { drillRestore } from "../../scripts/drills/drill.ts";

const why = process.env["TEST_BACKEND"] === "postgresql" ? whyNoDrill() : "npm run test:services runs it";

it.skipIf(why !== undefined)(
  `a restore after a lost disk loses only what was not archived, and a restore to a time has the data of that time${why ? ` (skipped: ${why})` : ""}`,
  async () => {
    const archiveSeconds = 2;
    const report = await drillRestore({ perSecond: 5, phaseSeconds: 4, archiveSeconds });
    expect(report.acknowledged).toBeGreaterThan(10);
    expect(report.acknowledged - report.lost).toBeGreaterThan(0);
    // A busy machine takes this long to archive a segment, after the archive timeout.
    expect(report.rpoSeconds).toBeLessThan(archiveSeconds + 10);
    expect(report.wrongAtNamedTime).toBe(0);
    expect(report.verified).toHaveLength(2);
  },
  180_000,
);
