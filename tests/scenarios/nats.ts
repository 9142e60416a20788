import { setTimeout as pause } from "node:timers/promises";
import { Load } from "./support/load.ts";
import { speedOf } from "./support/report.ts";
import { countsOf, type Scenario } from "./support/stage.ts";

/** Roles cannot call each other; the gateway refuses at once, and recovers with NATS. */
export const natsScenario: Scenario = {
  name: "NATS stopped and back",
  guarantee: "Requests are refused at once, nothing acknowledged is lost, and all recover without a restart.",
  async run({ application, schools, form }) {
    const { nats, fleet, http } = application;
    const load = await Load.start(application, schools);
    await pause(1_500);
    await nats.stop();
    await pause(500);
    const problems: string[] = [];
    let slowestRefusalMs = 0;
    let refused = 0;
    for (const until = performance.now() + form.awayMs; performance.now() < until; await pause(100)) {
      const { status, beganAt, endedAt } = await http.call("GET /api/v1/iam/users/me", { token: schools[0]?.owner.token, retry: false });
      if (status !== 503) problems.push(`a request was answered with ${status} while NATS was away`);
      refused += 1;
      slowestRefusalMs = Math.max(slowestRefusalMs, Math.round(endedAt - beganAt));
    }
    await nats.start();
    const began = performance.now();
    await fleet.allReady();
    const recoveredMs = Math.round(performance.now() - began);
    await pause(1_000);
    const report = await load.stopAndVerify();
    // Immediate, because the connection is known to be lost.
    if (slowestRefusalMs > 1_000) problems.push(`a refusal took ${slowestRefusalMs} ms`);
    return {
      problems: [...report.problems, ...problems],
      refused,
      "slowest refusal ms": slowestRefusalMs,
      recoveredMs,
      slowestMs: speedOf(load.seen).maxMs,
      ...countsOf(report),
    };
  },
};
