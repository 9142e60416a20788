import type { Platform } from "#platform/platform.ts";
import { clockAgrees } from "./clock-health.ts";

/** The clocks are compared every five seconds; a change takes effect within a second. */
const checkEveryMs = 1_000;

/** Suspends the jobs of a process while its clock is wrong, and resumes them. */
export class ClockGuard {
  readonly #platform: Platform;
  #agrees = true;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Resolves when the jobs are suspended or resumed as the current skew requires. */
  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, checkEveryMs).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const agrees = clockAgrees(this.#platform);
    if (agrees === this.#agrees) return;
    this.#agrees = agrees;
    const { jobs, logger, clockSkewMs } = this.#platform;
    const skewMs = clockSkewMs();
    if (agrees) logger.info({ skewMs }, "the clock of this machine agrees with the database's again; jobs are resumed");
    else
      logger.error(
        { skewMs },
        "the clock of this machine is wrong by more than two minutes: requests are refused and jobs suspended until it is set",
      );
    await (agrees ? jobs.resume() : jobs.suspend()).catch((error) => {
      // The next check retries.
      this.#agrees = !agrees;
      logger.error({ err: error }, "jobs could not be suspended or resumed");
    });
  }
}
