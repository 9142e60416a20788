/** A minute in six buckets: recent enough to show a change, long enough that a probe every half minute misses nothing. */
const bucketMs = 10_000;
const buckets = 6;

interface Bucket {
  number: number;
  count: number;
  failed: number;
  milliseconds: number;
}

/** What a component did in the last minute, for health probes. Costs a few additions per call. */
export class Activity {
  readonly #buckets: Bucket[] = Array.from({ length: buckets }, () => ({ number: -1, count: 0, failed: 0, milliseconds: 0 }));
  readonly #beganAt = performance.now();
  #lastSuccessAt = Number.NEGATIVE_INFINITY;

  /** @param failed an internal error; a rejected call counts as done. */
  record(failed: boolean, milliseconds: number, count = 1): void {
    const at = performance.now();
    const number = Math.floor(at / bucketMs);
    const bucket = this.#buckets[number % buckets] as Bucket;
    if (bucket.number !== number) Object.assign(bucket, { number, count: 0, failed: 0, milliseconds: 0 });
    bucket.count += count;
    bucket.milliseconds += milliseconds;
    if (failed) bucket.failed += count;
    else this.#lastSuccessAt = at;
  }

  /** Calls per second, mean time and failure ratio, over the last minute or since the start. */
  recent(): { readonly perSecond: number; readonly meanMs: number; readonly failedShare: number } {
    const now = performance.now();
    const oldest = Math.floor(now / bucketMs) - buckets + 1;
    const sum = { count: 0, failed: 0, milliseconds: 0 };
    for (const bucket of this.#buckets) {
      if (bucket.number < oldest) continue;
      sum.count += bucket.count;
      sum.failed += bucket.failed;
      sum.milliseconds += bucket.milliseconds;
    }
    const seconds = Math.max(1, Math.min(now - this.#beganAt, now - oldest * bucketMs) / 1_000);
    return {
      perSecond: sum.count / seconds,
      meanMs: sum.count === 0 ? 0 : sum.milliseconds / sum.count,
      failedShare: sum.count === 0 ? 0 : sum.failed / sum.count,
    };
  }

  /** When a call last succeeded; undefined if none has. */
  get lastSuccess(): Date | undefined {
    return Number.isFinite(this.#lastSuccessAt) ? new Date(Date.now() - (performance.now() - this.#lastSuccessAt)) : undefined;
  }
}
