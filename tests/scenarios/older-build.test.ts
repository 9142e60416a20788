import { describe, expect, it } from "vitest";
import { olderBuildGuarantee, runOlderBuild } from "./older-build.ts";
import { skippedBecause } from "./support/backend.ts";
import { olderCommit } from "./support/older-build.ts";
import { say } from "./support/report.ts";

const reason = skippedBecause() ?? (olderCommit() === undefined ? "the history of the repository is not here" : undefined);
if (reason !== undefined) console.warn(`skipped: an older build: ${reason}`);

describe.skipIf(reason !== undefined)("an older build", () => {
  it(olderBuildGuarantee, async () => {
    const { problems, ...counts } = await runOlderBuild();
    say("an older build on this schema", counts);
    expect(problems).toEqual([]);
  }, 300_000);
});
