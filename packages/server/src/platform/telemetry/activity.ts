/** A minute in six parts: recent enough to see a change, long enough that a probe each half minute misses nothing. */
const partMs = 10_000;
const parts = 6;

interface Part {
  number: number;
  count: number;
  failed: number;
  milliseconds: number;
}

/** What a part of the product did in the last minute, for the probes. Costs a few additions a call. */
export class Activity {
  readonly #parts: Part[] = Array.from({ length: parts }, () => ({ number: -1, count: 0, failed: 0, milliseconds: 0 }));
  readonly #beganAt = performance.now();
  #lastSuccessAt = Number.NEGATIVE_INFINITY;

  /** @param failed an internal error; a refusal is work that was done. */
  note(failed: boolean, milliseconds: number, count = 1): void {
    const at = performance.now();
    const number = Math.floor(at / partMs);
    const part = this.#parts[number % parts] as Part;
    if (part.number !== number) Object.assign(part, { number, count: 0, failed: 0, milliseconds: 0 });
    part.count += count;
    part.milliseconds += milliseconds;
    if (failed) part.failed += count;
    else this.#lastSuccessAt = at;
  }

  /** Calls a second, mean time, and the part that failed, over the last minute or since the start. */
  recent(): { readonly perSecond: number; readonly meanMs: number; readonly failedShare: number } {
    const now = performance.now();
    const oldest = Math.floor(now / partMs) - parts + 1;
    const sum = { count: 0, failed: 0, milliseconds: 0 };
    for (const part of this.#parts) {
      if (part.number < oldest) continue;
      sum.count += part.count;
      sum.failed += part.failed;
      sum.milliseconds += part.milliseconds;
    }
    const seconds = Math.max(1, Math.min(now - this.#beganAt, now - oldest * partMs) / 1_000);
    return {
      perSecond: sum.count / seconds,
      meanMs: sum.count === 0 ? 0 : sum.milliseconds / sum.count,
      failedShare: sum.count === 0 ? 0 : sum.failed / sum.count,
    };
  }

  /** When something last succeeded; undefined where nothing has. */
  get lastSuccess(): Date | undefined {
    return Number.isFinite(this.#lastSuccessAt) ? new Date(Date.now() - (performance.now() - this.#lastSuccessAt)) : undefined;
  }
}
