import { everyRole } from "../../packages/server/src/runtime/roles.ts";
import { hasFailed, isUnavailable } from "./support/http.ts";
import { Load } from "./support/load.ts";
import { failureOf, speedOf } from "./support/report.ts";
import { aMoment, countsOf, type Scenario } from "./support/stage.ts";

/** How long an ended process may still receive requests: until NATS and its clients notice. */
const noticedMs = 500;
/** A retry covers one killed process. A request that meets a second one may be answered with 503, and nothing worse. */
const killsWithin = (killedAt: readonly number[], from: number, to: number): number =>
  killedAt.filter((at) => at > from - noticedMs && at < to).length;

/** Processes of every role are killed in turn at random times, while clients write and read. */
export const killScenario: Scenario = {
  name: "kill -9 of a process",
  guarantee: "No acknowledged command is lost or applied twice, and one retry is enough after the kill of one process.",
  async run({ application, schools, form }) {
    const { fleet } = application;
    const load = await Load.start(application, schools);
    const killedAt: number[] = [];
    for (let round = 0; round < form.rounds; round += 1) {
      const role = everyRole[round % everyRole.length] as (typeof everyRole)[number];
      const members = fleet.of(role);
      await aMoment(50, 500);
      killedAt.push(performance.now());
      await fleet.kill(members[Math.floor(Math.random() * members.length)] as (typeof members)[number]);
      await fleet.allReady();
    }
    const seen = load.seen;
    const speed = speedOf(seen);
    const report = await load.stopAndVerify();
    const failures = seen.filter(hasFailed);
    const explained = failures.filter((one) => isUnavailable(one) && killsWithin(killedAt, one.endedAt - one.tookMs, one.endedAt) > 1);
    const problems = failures.filter((failure) => !explained.includes(failure)).map(failureOf);
    return { problems: [...report.problems, ...problems], kills: form.rounds, ...speed, hitTwice: explained.length, ...countsOf(report) };
  },
};
