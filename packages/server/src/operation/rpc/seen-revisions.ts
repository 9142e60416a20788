import type { Revision } from "#platform/log/event.ts";
import { revocationBoundMs } from "#platform/log/follower.ts";

/** Twice the time within which every process that answers has seen a write. */
const seenForMs = 2 * revocationBoundMs;

interface Span {
  readonly beganAt: number;
  newest: Revision;
}

/**
 * The newest revision that a process has seen written through it, for as long as another process may not have seen it. Later, whoever
 * answers has seen it, or the database has lost it: then nobody could ever say that it was seen. Each revision counts for its own time, so
 * a wrong one ends whatever is written after it.
 */
export class SeenRevisions {
  #before: Span | undefined;
  #now: Span | undefined;

  add(revision: Revision): void {
    this.#turn();
    if (this.#now === undefined) this.#now = { beganAt: performance.now(), newest: revision };
    else if (BigInt(revision) > BigInt(this.#now.newest)) this.#now.newest = revision;
  }

  get newest(): Revision | undefined {
    this.#turn();
    const [one, other] = [this.#before?.newest, this.#now?.newest];
    if (one === undefined || other === undefined) return other ?? one;
    return BigInt(one) > BigInt(other) ? one : other;
  }

  /** A span takes revisions for as long as each counts, and is kept for as long again. */
  #turn(): void {
    const time = performance.now();
    if (this.#now !== undefined && time - this.#now.beganAt >= seenForMs) {
      this.#before = this.#now;
      this.#now = undefined;
    }
    if (this.#before !== undefined && time - this.#before.beganAt >= 2 * seenForMs) this.#before = undefined;
  }
}
