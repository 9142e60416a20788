import { everyRole } from "../../packages/server/src/runtime/roles.ts";
import { hasFailed, isUnavailable } from "./support/http.ts";
import { Load } from "./support/load.ts";
import { failureOf, speedOf } from "./support/report.ts";
import { aMoment, countsOf, type Scenario } from "./support/stage.ts";

/** How long after its end a process may still be asked: until NATS and its clients have noticed. */
const noticedMs = 500;
/** A retry saves a request from one killed process; one that meets a second may be told that nobody could answer, and nothing worse. */
const killsWithin = (killedAt: readonly number[], from: number, to: number): number =>
  killedAt.filter((at) => at > from - noticedMs && at < to).length;

/** Processes of every role in turn end without a word, at a moment of chance, while clients write and read. */
export const killScenario: Scenario = {
  name: "kill -9 of a process",
  guarantee: "No acknowledged command is lost, none is applied twice, and one retry gets an answer where one process was killed.",
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
