const beatMsDefault = 250;
/** After a stall, data that waited in the sockets is read within this time. */
const readInMs = 1_000;

/**
 * Detects stalls of the event loop, and returns how long data that is read now may have waited. A process that was stopped, starved,
 * or on a paused machine finds old data in its sockets, whose sender may have given up long ago.
 */
export class EventLoopStall {
  readonly #beatMs: number;
  readonly #timer: NodeJS.Timeout;
  #beatAt = performance.now();
  #before: { readonly stalledAt: number; readonly until: number } | undefined;

  constructor(beatMs = beatMsDefault) {
    this.#beatMs = beatMs;
    this.#timer = setInterval(() => this.#beat(), beatMs);
    this.#timer.unref();
  }

  /** The earliest time at which data that is read now can have arrived, by `performance.now()`. */
  get arrivedAt(): number {
    const now = performance.now();
    // In the first turn after a stall, sockets are read before timers run.
    if (this.#isStalled(now)) return this.#beatAt;
    if (this.#before !== undefined && now < this.#before.until) return this.#before.stalledAt;
    return now;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #isStalled(now: number): boolean {
    return now - this.#beatAt > 2 * this.#beatMs;
  }

  #beat(): void {
    const now = performance.now();
    if (this.#isStalled(now)) this.#before = { stalledAt: this.#beatAt, until: now + readInMs };
    this.#beatAt = now;
  }
}
