import type { Revision } from "#platform/log/event.ts";
import { revocationBoundMs } from "#platform/log/follower.ts";

/** Twice the time within which every answering process has observed a write. */
const retainedMs = 2 * revocationBoundMs;

interface Span {
  readonly startedAt: number;
  newest: Revision;
}

/**
 * The newest revision written through this process, for as long as another process may not have observed it. Later every process has
 * observed it, or the database has lost it and no process ever will. Each revision expires on its own, so a wrong one expires whatever is
 * written after it.
 */
export class SeenRevisions {
  #previous: Span | undefined;
  #current: Span | undefined;

  add(revision: Revision): void {
    this.#rotate();
    if (this.#current === undefined) this.#current = { startedAt: performance.now(), newest: revision };
    else if (BigInt(revision) > BigInt(this.#current.newest)) this.#current.newest = revision;
  }

  get newest(): Revision | undefined {
    this.#rotate();
    const [one, other] = [this.#previous?.newest, this.#current?.newest];
    if (one === undefined || other === undefined) return other ?? one;
    return BigInt(one) > BigInt(other) ? one : other;
  }

  /** A span collects revisions for the retention time, and is retained for as long again. */
  #rotate(): void {
    const time = performance.now();
    if (this.#current !== undefined && time - this.#current.startedAt >= retainedMs) {
      this.#previous = this.#current;
      this.#current = undefined;
    }
    if (this.#previous !== undefined && time - this.#previous.startedAt >= 2 * retainedMs) this.#previous = undefined;
  }
}
