import { everyRole } from "../../../packages/server/src/runtime/roles.ts";
import { Load } from "../support/load.ts";
import { speedOf } from "../support/report.ts";
import { aMoment, countsOf, type Row } from "../support/stage.ts";

/** The product's own grace time; a process that needs longer is ended by whoever runs it. */
const graceMs = 10_000;

/**
 * Each process of each role is asked to end while clients write and read, and another one takes its place: the way of a
 * release (S3 §22.2), one role after the other.
 */
export const rollingRow: Row = {
  name: "rolling restart of every role",
  guarantee: "Requests in flight finish, each process ends in its grace time with code 0, and no request needs more than one retry.",
  async run({ house, schools }) {
    const { fleet } = house;
    const load = await Load.start(house, schools);
    const problems: string[] = [];
    await aMoment(3_000, 3_500);
    const [began, slowest] = [load.seen.length, [0]];
    for (const role of everyRole) {
      for (const member of fleet.of(role)) {
        await aMoment(50, 300);
        const { code, signal, tookMs } = await fleet.replace(member);
        slowest.push(tookMs);
        if (code !== 0) problems.push(`${role} ended with ${code ?? signal}`);
        if (tookMs > graceMs) problems.push(`${role} took ${Math.round(tookMs)} ms to end`);
        await fleet.allReady();
      }
    }
    const ended = load.seen.length;
    await aMoment(3_000, 3_500);
    const [before, during, after] = [load.seen.slice(0, began), load.seen.slice(began, ended), load.seen.slice(ended)].map(speedOf);
    const report = await load.stopAndVerify();
    const failed = speedOf(load.seen).failed;
    if (failed > 0) problems.push(`${failed} requests failed twice`);
    return {
      problems: [...report.problems, ...problems],
      "slowest end ms": Math.round(Math.max(...slowest)),
      before,
      during,
      after,
      ...countsOf(report),
    };
  },
};
