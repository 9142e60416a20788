/**
 * The least version that each changed part must have, so that a shared cache that was not told yet is not believed.
 * Remembered for as long as the cache may keep a value, in two generations that take turns.
 */
export class LeastVersions {
  readonly #keepMs: number;
  #current = new Map<string, bigint>();
  #previous = new Map<string, bigint>();
  #turnedAt = performance.now();

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  raise(key: string, version: bigint): void {
    if (performance.now() - this.#turnedAt > this.#keepMs) {
      this.#previous = this.#current;
      this.#current = new Map();
      this.#turnedAt = performance.now();
    }
    if (version > this.of(key)) this.#current.set(key, version);
  }

  of(key: string): bigint {
    return this.#current.get(key) ?? this.#previous.get(key) ?? 0n;
  }
}
