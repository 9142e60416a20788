import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { impossible, rows } from "./all.ts";
import { skippedBecause } from "./support/backend.ts";
import { say } from "./support/report.ts";
import { openStage, type Stage, shortForm } from "./support/stage.ts";

// The short form: every fault once or a few times, on one house. `npm run test:scenarios` plays the long one.
const reason = skippedBecause();
if (reason !== undefined) console.warn(`skipped: faults: ${reason}`);

describe.skipIf(reason !== undefined)("with processes and services that fail", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(shortForm);
  }, 240_000);
  afterAll(() => stage?.house.close(), 60_000);

  for (const row of rows.filter(({ longOnly }) => longOnly !== true)) {
    const why = impossible(row);
    if (why !== undefined) console.warn(`skipped: ${row.name}: ${why}`);
    it.skipIf(why !== undefined)(
      `${row.name}: ${row.guarantee}`,
      async () => {
        await stage.house.fleet.allReady();
        const { problems, ...counts } = await row.run(stage);
        say(row.name, counts);
        expect(problems).toEqual([]);
      },
      300_000,
    );
  }
});
