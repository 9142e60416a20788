/**
 * `npm run test:scenarios`: the long form of the faults in tests/scenarios. `--rounds 200` is the number of killed processes,
 * `--away 10` the seconds that a service is stopped, `--scenario nats` selects scenarios by a part of their names.
 */
import { parseArgs } from "node:util";
import { missingPrograms } from "@gatehouse/testing/own-services.ts";
import { impossible, scenarios } from "../tests/scenarios/all.ts";
import { olderBuildGuarantee, runOlderBuild } from "../tests/scenarios/older-build.ts";
import { olderCommit } from "../tests/scenarios/support/older-build.ts";
import { say } from "../tests/scenarios/support/report.ts";
import { longForm, openStage, type ScenarioReport } from "../tests/scenarios/support/stage.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: String(longForm.rounds) },
    away: { type: "string", default: String(longForm.awayMs / 1_000) },
    scenario: { type: "string", default: "" },
  },
});
const form = { rounds: Number(values.rounds), awayMs: Number(values.away) * 1_000 };
const wanted = (name: string): boolean => name.toLowerCase().includes(values.scenario.toLowerCase());

let failed = 0;
const print = (name: string, { problems, ...counts }: ScenarioReport): void => {
  say(problems.length === 0 ? `ok     ${name}` : `FAILED ${name}`, counts);
  for (const problem of problems) process.stdout.write(`       ${problem}\n`);
  if (problems.length > 0) failed += 1;
};

const missing = missingPrograms();
if (missing.length > 0) {
  process.stdout.write(`missing: ${missing.join(", ")}\n`);
  process.exit(process.env["CI"] === "true" ? 1 : 0);
}
const chosen = scenarios.filter(({ name }) => wanted(name));
if (chosen.length > 0) {
  const stage = await openStage(form);
  try {
    for (const scenario of chosen) {
      const why = impossible(scenario);
      if (why !== undefined) {
        process.stdout.write(`skipped ${scenario.name}: ${why}\n`);
        continue;
      }
      process.stdout.write(`       ${scenario.name}: ${scenario.guarantee}\n`);
      await stage.application.fleet.allReady();
      print(scenario.name, await scenario.run(stage));
    }
  } finally {
    await stage.application.close();
  }
}
const older = "an older build on this schema";
if (wanted(older)) {
  if (olderCommit() === undefined) process.stdout.write(`skipped ${older}: the history of the repository is not here\n`);
  else {
    process.stdout.write(`       ${older}: ${olderBuildGuarantee}\n`);
    print(older, await runOlderBuild());
  }
}
process.exit(failed > 0 ? 1 : 0);
