import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { impossible, scenarios } from "./all.ts";
import { skippedBecause } from "./support/backend.ts";
import { say } from "./support/report.ts";
import { openStage, type Stage, shortForm } from "./support/stage.ts";

// The short form: every fault once or a few times, on one application. `npm run test:scenarios` runs the long form.
const reason = skippedBecause();
if (reason !== undefined) console.warn(`skipped: faults: ${reason}`);

describe.skipIf(reason !== undefined)("processes and services that fail", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(shortForm);
  }, 240_000);
  afterAll(() => stage?.application.close(), 60_000);

  for (const scenario of scenarios.filter(({ longOnly }) => longOnly !== true)) {
    const why = impossible(scenario);
    if (why !== undefined) console.warn(`skipped: ${scenario.name}: ${why}`);
    it.skipIf(why !== undefined)(
      `${scenario.name}: ${scenario.guarantee}`,
      async () => {
        await stage.application.fleet.allReady();
        const { problems, ...counts } = await scenario.run(stage);
        say(scenario.name, counts);
        expect(problems).toEqual([]);
      },
      300_000,
    );
  }
});
