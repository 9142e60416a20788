import { setTimeout as pause } from "node:timers/promises";
import { type Application, openApplication } from "./application.ts";
import type { LoadReport } from "./load.ts";
import { openWorld, type School } from "./world.ts";

/** The sizes of a form. */
export interface Form {
  /** The number of killed processes. */
  readonly rounds: number;
  /** How long a service is unavailable. */
  readonly awayMs: number;
}

export const shortForm: Form = { rounds: 6, awayMs: 6_000 };
export const longForm: Form = { rounds: 200, awayMs: 10_000 };

/** The application and the schools of a scenario. */
export interface Stage {
  readonly application: Application;
  /** A client of its own changes each. */
  readonly schools: readonly School[];
  /** No client changes this one. */
  readonly calm: School;
  readonly form: Form;
}

/** A scenario's counts. `problems` is empty where every guarantee held. */
export interface ScenarioReport extends Readonly<Record<string, unknown>> {
  readonly problems: readonly string[];
}

export interface Scenario {
  readonly name: string;
  /** The guarantee, in words. */
  readonly guarantee: string;
  /** Only run by `npm run test:scenarios`, because it takes long or resembles another scenario. */
  readonly longOnly?: boolean;
  run(stage: Stage): Promise<ScenarioReport>;
}

/** Enough concurrent schools to load two processes of each role on two cores and to interleave the log. */
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

/** A random time between two, so that a fault meets work at another point each time. */
export const aMoment = (fromMs: number, toMs: number): Promise<void> => pause(fromMs + Math.random() * (toMs - fromMs));

export const countsOf = ({ counts, revocationMsMax, revocationMsP99 }: LoadReport) => ({
  ...counts,
  "revocation max ms": revocationMsMax,
  "revocation p99 ms": revocationMsP99,
});
