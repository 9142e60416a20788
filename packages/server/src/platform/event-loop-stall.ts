const beatMsDefault = 250;
/** What had been waiting is read in this time after the process goes on. */
const readInMs = 1_000;

/**
 * Tells how long what is read now may have been waiting. A process that stood still (stopped, starved, on a machine that was
 * paused) finds in its sockets what was sent meanwhile, and whoever sent it may have given it up long ago.
 */
export class EventLoopStall {
  readonly #beatMs: number;
  readonly #timer: NodeJS.Timeout;
  #beatAt = performance.now();
  #before: { readonly stoodAt: number; readonly until: number } | undefined;

  constructor(beatMs = beatMsDefault) {
    this.#beatMs = beatMs;
    this.#timer = setInterval(() => this.#beat(), beatMs);
    this.#timer.unref();
  }

  /** The earliest moment at which what is read now can have arrived, by `performance.now()`. */
  get arrivedAt(): number {
    const now = performance.now();
    // What is read in the very turn in which the process goes on is read before its timers run.
    if (this.#stood(now)) return this.#beatAt;
    if (this.#before !== undefined && now < this.#before.until) return this.#before.stoodAt;
    return now;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #stood(now: number): boolean {
    return now - this.#beatAt > 2 * this.#beatMs;
  }

  #beat(): void {
    const now = performance.now();
    if (this.#stood(now)) this.#before = { stoodAt: this.#beatAt, until: now + readInMs };
    this.#beatAt = now;
  }
}
