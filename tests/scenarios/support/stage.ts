import { setTimeout as pause } from "node:timers/promises";
import { type Application, openApplication } from "./application.ts";
import type { LoadReport } from "./load.ts";
import { openWorld, type School } from "./world.ts";

/** How much is done of each scenario. */
export interface Form {
  /** Processes that are killed. */
  readonly rounds: number;
  /** How long a service is away. */
  readonly awayMs: number;
}

export const shortForm: Form = { rounds: 6, awayMs: 6_000 };
export const longForm: Form = { rounds: 200, awayMs: 10_000 };

/** What a scenario plays on. */
export interface Stage {
  readonly application: Application;
  /** Each is being changed by a client of its own. */
  readonly schools: readonly School[];
  /** Nobody changes this one. */
  readonly calm: School;
  readonly form: Form;
}

/** A scenario's counts. `problems` is empty where every guarantee held. */
export interface ScenarioReport extends Readonly<Record<string, unknown>> {
  readonly problems: readonly string[];
}

export interface Scenario {
  readonly name: string;
  /** What holds, in words. */
  readonly guarantee: string;
  /** Played by `npm run test:scenarios` alone, because it takes long or is close to another scenario. */
  readonly longOnly?: boolean;
  run(stage: Stage): Promise<ScenarioReport>;
}

/** Schools beside each other: enough to keep two processes of each role busy on two cores, and the log interleaved. */
const schoolCount = 3;

export async function openStage(form: Form): Promise<Stage> {
  const application = await openApplication();
  try {
    const [calm, ...schools] = (await openWorld(application, schoolCount + 1)) as [School, ...School[]];
    return { application, schools, calm, form };
  } catch (error) {
    await application.close();
    throw error;
  }
}

/** Somewhere between two moments, so that a fault meets work at another point each time. */
export const aMoment = (fromMs: number, toMs: number): Promise<void> => pause(fromMs + Math.random() * (toMs - fromMs));

export const countsOf = ({ counts, revocationMsMax, revocationMsP99 }: LoadReport) => ({
  ...counts,
  "revocation max ms": revocationMsMax,
  "revocation p99 ms": revocationMsP99,
});
