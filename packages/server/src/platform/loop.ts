/** When failed work is retried: after the first pause, which doubles with each consecutive failure up to the longest. */
export interface RetrySchedule {
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/** Enough doublings to exceed any longest pause. */
const doublingsMax = 20;

/** The pause after this number of consecutive failures, counted from 1. */
export const retryPauseMs = ({ firstPauseMs, longestPauseMs }: RetrySchedule, failures: number): number =>
  Math.min(firstPauseMs * 2 ** Math.min(failures - 1, doublingsMax), longestPauseMs);

export interface LoopOptions {
  /** Does some of the work. True when there may be more to do at once. */
  readonly run: () => Promise<boolean>;
  /** How long the loop waits, unless woken, after a run that found no more work. */
  readonly everyMs: number;
  readonly retry: RetrySchedule;
  /** Reports a rejected run; `failures` counts consecutive ones from 1. Not called for a run that rejects after `stop`. */
  readonly onFailure: (error: unknown, failures: number) => void;
}

/**
 * Repeats work until it is stopped. Never runs it concurrently with itself. A rejected run is repeated by the retry schedule, which
 * `wake` does not shorten: failing work must not run as often as something is appended.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #pauses = new Set<() => void>();
  readonly #ended = Promise.withResolvers<void>();
  #waiting: PromiseWithResolvers<void>[] = [];
  #endIdlePause: (() => void) | undefined;
  #isWoken = false;
  #isStarted = false;
  #isStopped = false;
  #failures = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** True from the call of `stop` on. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  start(): void {
    if (this.#isStarted || this.#isStopped) return;
    this.#isStarted = true;
    void this.#repeat();
  }

  /** Runs the work again as soon as the current run, if there is one, has ended. */
  wake(): void {
    this.#isWoken = true;
    this.#endIdlePause?.();
  }

  /** Resolves when runs that began after the call have found nothing more to do, or the loop has stopped. */
  async drained(): Promise<void> {
    if (this.#isStopped) return this.ended;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    this.wake();
    await waiting.promise;
  }

  /** Waits; `stop` ends the wait. */
  async pause(ms: number): Promise<void> {
    if (!this.#isStopped) await this.#pauseFor(ms).promise;
  }

  /** Starts no other run. Resolves when the current one has ended. */
  stop(): Promise<void> {
    this.#isStopped = true;
    for (const end of this.#pauses) end();
    if (!this.#isStarted) this.#ended.resolve();
    return this.ended;
  }

  /** Resolves when the loop has been stopped and its last run has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  async #repeat(): Promise<void> {
    while (!this.#isStopped) {
      const waiting = this.#waiting.splice(0);
      this.#isWoken = false;
      try {
        await this.#drain();
        for (const { resolve } of waiting) resolve();
        await this.#idle();
      } catch (error) {
        this.#waiting.unshift(...waiting);
        this.#failures += 1;
        if (!this.#isStopped) this.#options.onFailure(error, this.#failures);
        await this.pause(retryPauseMs(this.#options.retry, this.#failures));
      }
    }
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    this.#ended.resolve();
  }

  async #drain(): Promise<void> {
    for (let more = true; more && !this.#isStopped; ) {
      more = await this.#options.run();
      this.#failures = 0;
    }
  }

  async #idle(): Promise<void> {
    if (this.#isWoken || this.#isStopped) return;
    const { promise, end } = this.#pauseFor(this.#options.everyMs);
    this.#endIdlePause = end;
    await promise;
    this.#endIdlePause = undefined;
  }

  /** Does not race with a promise that lives as long as the loop: each race would retain a reaction until the loop ends. */
  #pauseFor(ms: number): { readonly promise: Promise<void>; readonly end: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => {
      clearTimeout(timer);
      this.#pauses.delete(end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    timer.unref();
    this.#pauses.add(end);
    return { promise, end };
  }
}
