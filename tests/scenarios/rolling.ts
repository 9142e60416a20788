import { everyRole } from "../../packages/server/src/runtime/roles.ts";
import { hasFailed, type Seen } from "./support/http.ts";
import { Load } from "./support/load.ts";
import { failureOf, speedOf } from "./support/report.ts";
import { aMoment, countsOf, type Scenario } from "./support/stage.ts";

/** The product's grace period; an orchestrator kills a process that needs longer. */
const graceMs = 10_000;
/**
 * How long a new process is ready before the next one is stopped (docs/operations/deployment.md, "Rolling"). A refused client retries after
 * 150 ms, and must not meet the next gateway while that one restarts.
 */
const settledMs = 1_000;

/**
 * Replaces each process of each role while clients write and read, one role after the other, as a release does.
 */
export const rollingScenario: Scenario = {
  name: "rolling restart of every role",
  guarantee: "Requests in flight finish, each process ends within its grace period with code 0, and no request needs more than one retry.",
  async run({ application, schools }) {
    const { fleet } = application;
    const load = await Load.start(application, schools);
    const problems: string[] = [];
    const steps: Step[] = [];
    await aMoment(3_000, 3_500);
    const [began, slowest] = [load.seen.length, [0]];
    for (const role of everyRole) {
      for (const member of fleet.of(role)) {
        await aMoment(settledMs, settledMs + 300);
        const stopRequestedAt = performance.now();
        const { code, signal, tookMs } = await fleet.replace(member);
        slowest.push(tookMs);
        if (code !== 0) problems.push(`${role} ended with ${code ?? signal}`);
        if (tookMs > graceMs) problems.push(`${role} took ${Math.round(tookMs)} ms to end`);
        await fleet.allReady();
        steps.push({
          what: `${role} ${fleet.of(role).indexOf(member) + 1}`,
          stopRequestedAt,
          endedAt: stopRequestedAt + tookMs,
          readyAt: performance.now(),
        });
      }
    }
    const ended = load.seen.length;
    await aMoment(3_000, 3_500);
    const [before, during, after] = [load.seen.slice(0, began), load.seen.slice(began, ended), load.seen.slice(ended)].map(speedOf);
    const report = await load.stopAndVerify();
    for (const failure of load.seen.filter(hasFailed)) problems.push(`${failureOf(failure)}; ${duringOf(failure, steps)}`);
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

/** A replacement of one process; milliseconds of the client's clock. */
interface Step {
  readonly what: string;
  readonly stopRequestedAt: number;
  readonly endedAt: number;
  readonly readyAt: number;
}

/** The processes that were replaced during a request, and how long after its start. */
function duringOf({ endedAt, tookMs }: Seen, steps: readonly Step[]): string {
  const beganAt = endedAt - tookMs;
  const near = steps.filter((step) => step.stopRequestedAt < endedAt && step.readyAt > beganAt - 1_000);
  const since = (at: number): number => Math.round(at - beganAt);
  return near
    .map(
      (step) =>
        `${step.what} asked to end at ${since(step.stopRequestedAt)}, ended at ${since(step.endedAt)}, ready at ${since(step.readyAt)} ms`,
    )
    .join("; ");
}
