/** Far more than are ever in flight. */
const handledBeforeMax = 10_000;

/**
 * Tracks entries that have changed in the tables but not yet in the projection. A decision that needs one of them waits, so it is never
 * older than a write that this process has observed.
 */
export class Pending {
  /** Events that were announced as handled before they were observed: the projector may read writes of a later transaction. */
  readonly #handledBefore = new Set<string>();
  /** For each key, the events that the projector has not handled yet. */
  readonly #byKey = new Map<string, Set<string>>();
  readonly #keysOf = new Map<string, readonly string[]>();
  /** When each of those events was observed (performance.now), the oldest first. */
  readonly #since = new Map<string, number>();
  #waiting: (() => void)[] = [];

  /** Marks `keys` as behind until the event `id` is handled. */
  add(id: string, keys: readonly string[]): void {
    if (this.#keysOf.has(id) || this.#handledBefore.delete(id)) return;
    this.#keysOf.set(id, keys);
    this.#since.set(id, performance.now());
    for (const key of keys) {
      const events = this.#byKey.get(key);
      if (events) events.add(id);
      else this.#byKey.set(key, new Set([id]));
    }
  }

  handled(ids: readonly string[]): void {
    for (const id of ids) {
      if (!this.#keysOf.has(id)) this.#remember(id);
      for (const key of this.#keysOf.get(id) ?? []) {
        const events = this.#byKey.get(key);
        events?.delete(id);
        if (events?.size === 0) this.#byKey.delete(key);
      }
      this.#keysOf.delete(id);
      this.#since.delete(id);
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const proceed of waiting) proceed();
  }

  /** Drops all pending events. Waiting calls check again. */
  clear(): void {
    this.#handledBefore.clear();
    this.#byKey.clear();
    this.#keysOf.clear();
    this.#since.clear();
    this.handled([]);
  }

  #remember(id: string): void {
    this.#handledBefore.add(id);
    // Most are from before this process observed events and never arrive; the others arrive soon.
    if (this.#handledBefore.size <= handledBeforeMax) return;
    for (const oldest of this.#handledBefore) {
      this.#handledBefore.delete(oldest);
      break;
    }
  }

  behind(keys: readonly string[]): boolean {
    if (this.#byKey.size === 0) return false;
    return keys.some((key) => this.#byKey.has(key));
  }

  /** Whether the event `id` was observed and is not handled yet. */
  awaits(id: string): boolean {
    return this.#keysOf.has(id);
  }

  get size(): number {
    return this.#keysOf.size;
  }

  /** The time since the oldest pending event was observed; 0 if there is none. */
  get oldestMs(): number {
    const [oldest] = this.#since.values();
    return oldest === undefined ? 0 : performance.now() - oldest;
  }

  /** Resolves to true once none of `keys` is behind, to false at `deadline` (performance.now). */
  async settled(keys: readonly string[], deadline: number): Promise<boolean> {
    while (this.behind(keys)) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return true;
  }
}
