/** Far more than are ever on their way at a time. */
const handledBeforeMax = 10_000;

/**
 * Which parts have changed in the tables but not yet in the projection. A decision that needs one of them waits, so it
 * is never older than a write that this process knows of, its own or another's.
 */
export class Pending {
  /** Events that were told to be handled before they were heard of: the projector may read what a later transaction wrote. */
  readonly #handledBefore = new Set<string>();
  /** For each part, the events that the projector has still to handle. */
  readonly #byKey = new Map<string, Set<string>>();
  readonly #keysOf = new Map<string, readonly string[]>();
  /** When each of those events became known, of performance.now; the oldest first. */
  readonly #since = new Map<string, number>();
  #waiting: (() => void)[] = [];

  /** `keys` are behind until the event `id` has been handled. */
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

  /** Forgets what is behind; those that wait look again. */
  clear(): void {
    this.#handledBefore.clear();
    this.#byKey.clear();
    this.#keysOf.clear();
    this.#since.clear();
    this.handled([]);
  }

  #remember(id: string): void {
    this.#handledBefore.add(id);
    // Most are from before this process began to listen and never come; those that do come come soon.
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

  /** Whether the event `id` is known and has not been handled. */
  awaits(id: string): boolean {
    return this.#keysOf.has(id);
  }

  get size(): number {
    return this.#keysOf.size;
  }

  /** How long the oldest event that has not been handled is known; 0 where there is none. */
  get oldestMs(): number {
    const [oldest] = this.#since.values();
    return oldest === undefined ? 0 : performance.now() - oldest;
  }

  /** Resolves true once none of `keys` is behind, false when `deadline` (performance.now) came first. */
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
