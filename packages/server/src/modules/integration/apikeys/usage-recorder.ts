import { everyTenant, type WriteHandle } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { OutcomeUnknown, Unavailable } from "#platform/unavailable.ts";
import { apiKeyStore } from "./store.ts";
import { latencyBounds, type Usage } from "./usage.ts";

/** A key whose uses are recorded. */
export interface UsedKey {
  readonly id: string;
  /** The last use that this process has recorded, in milliseconds. */
  recordedAt: number;
}

/** A completed call with a key. */
export interface CompletedCall {
  readonly operation: string;
  readonly status: number;
  readonly latencyMs: number;
}

/** At most one use is recorded in this interval: `last_used_at` is for people. */
const recordIntervalMs = 60_000;
const flushIntervalMs = 5_000;
const dayMs = 86_400_000;
/** Combinations of key, operation and status between two flushes; some 200 bytes each. */
const usagesMax = 50_000;
/** Rows in one transaction. */
const rowsAtOnce = 1_000;

type Batch = readonly Usage[];

/**
 * Counts the calls of keys in memory and adds them to the tables every few seconds, so that no call waits for it. One per process.
 *
 * Guarantees: memory is bounded, and calls beyond the bound are not counted. While the database is unavailable, counted calls stay in memory.
 * A row that the database rejects is discarded alone. A process that is killed loses the calls of the last seconds.
 */
export class UsageRecorder {
  readonly #platform: Platform;
  readonly #used = new Map<string, number>();
  /** The usage of today by key, operation and status. */
  readonly #usages = new Map<string, Map<string, Map<number, Usage>>>();
  /** Usage that could not be written yet, or is of an earlier day, by its row. */
  readonly #unwritten = new Map<string, Usage>();
  /** The number of counters in both. */
  #size = 0;
  #today = 0;
  #day = "";
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  start(): void {
    this.#timer = setInterval(() => void this.flush(), flushIntervalMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  /** Discards unwritten usage: the database may have lost the keys. */
  clear(): void {
    this.#used.clear();
    this.#take();
  }

  /** Records a use of the key at the current time. */
  recordUse(key: UsedKey): void {
    const now = this.#platform.clock.now();
    if (now - key.recordedAt < recordIntervalMs) return;
    key.recordedAt = now;
    this.#used.set(key.id, now);
  }

  /** Counts a completed call. */
  count({ id }: UsedKey, { operation, status, latencyMs }: CompletedCall): void {
    const usage = this.#usageOf(id, operation, status);
    if (usage === undefined) {
      this.#lost += 1;
      return;
    }
    usage.calls += 1;
    usage.latencyMsSum += latencyMs;
    usage.latencyMsMax = Math.max(usage.latencyMsMax, latencyMs);
    for (let index = 0; index < latencyBounds.length; index += 1) {
      if (latencyMs <= (latencyBounds[index] as number)) (usage.latency[index] as number) += 1;
    }
  }

  /** The counters of today; undefined where there are too many. Nested maps, because each call would otherwise build a string. */
  #usageOf(keyId: string, operation: string, status: number): Usage | undefined {
    const today = Math.floor(this.#platform.clock.now() / dayMs);
    if (today !== this.#today) this.#beginDay(today);
    const known = this.#usages.get(keyId)?.get(operation)?.get(status);
    if (known !== undefined || this.#size >= usagesMax) return known;
    const latency = latencyBounds.map(() => 0);
    const usage: Usage = { keyId, day: this.#day, operation, status, calls: 0, latencyMsSum: 0, latencyMsMax: 0, latency };
    const ofKey = this.#usages.get(keyId) ?? new Map<string, Map<number, Usage>>();
    const ofOperation = ofKey.get(operation) ?? new Map<number, Usage>();
    this.#usages.set(keyId, ofKey.set(operation, ofOperation.set(status, usage)));
    this.#size += 1;
    return usage;
  }

  #beginDay(today: number): void {
    for (const usage of this.#take()) this.#retain(usage);
    this.#today = today;
    this.#day = new Date(today * dayMs).toISOString().slice(0, "2026-11-28".length);
  }

  /** Removes and returns unwritten usage, one item for each row. */
  #take(): readonly Usage[] {
    const rows = new Map(this.#unwritten);
    for (const ofKey of this.#usages.values()) {
      for (const ofOperation of ofKey.values()) for (const usage of ofOperation.values()) merge(rows, usage);
    }
    this.#unwritten.clear();
    this.#usages.clear();
    this.#size = 0;
    return [...rows.values()];
  }

  /** Retains usage for the next flush. */
  #retain(usage: Usage): void {
    if (this.#size >= usagesMax) {
      this.#lost += usage.calls;
      return;
    }
    merge(this.#unwritten, usage);
    this.#size += 1;
  }

  /** Resolves when all calls counted before are in the database, also by a pending flush. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#record());
    return this.#flushing;
  }

  async #record(): Promise<void> {
    const { logger } = this.#platform;
    if (this.#lost > 0) logger.warn({ calls: this.#lost }, "calls of API keys were not counted: too many keys and operations at once");
    this.#lost = 0;
    const used = [...this.#used].map(([id, at]) => ({ id, at: new Date(at) }));
    this.#used.clear();
    const usages = this.#take();
    try {
      if (used.length > 0) await this.#write((store) => store.recordLastUses(used));
    } catch (error) {
      logger.warn({ err: error }, "the last use of API keys could not be recorded");
    }
    for (let from = 0; from < usages.length; from += rowsAtOnce) await this.#add(usages.slice(from, from + rowsAtOnce));
  }

  /** Adds a batch. If the database rejects it, adds its rows one by one, so that one bad row does not lose the others. */
  async #add(batch: Batch): Promise<void> {
    try {
      await this.#write((store) => store.addUsage(batch));
    } catch (error) {
      // A batch that may have been committed is not added again.
      if (error instanceof OutcomeUnknown) this.#platform.logger.warn({ err: error }, "calls of API keys may not have been recorded");
      else if (error instanceof Unavailable) for (const usage of batch) this.#retain(usage);
      else if (batch.length > 1) for (const usage of batch) await this.#add([usage]);
      else this.#platform.logger.warn({ err: error, calls: batch[0]?.calls }, "calls of an API key could not be recorded");
    }
  }

  #write(work: (store: ReturnType<typeof apiKeyStore.writes>) => Promise<void>): Promise<void> {
    return this.#platform.database.transact(everyTenant, (tx: WriteHandle) => work(apiKeyStore.writes(tx)));
  }
}

/** Adds `usage` to the usage of the same row, because a statement can write a row only once. */
function merge(rows: Map<string, Usage>, usage: Usage): void {
  const row = `${usage.keyId} ${usage.day} ${usage.operation} ${usage.status}`;
  const before = rows.get(row);
  if (before === undefined) {
    rows.set(row, usage);
    return;
  }
  before.calls += usage.calls;
  before.latencyMsSum += usage.latencyMsSum;
  before.latencyMsMax = Math.max(before.latencyMsMax, usage.latencyMsMax);
  for (const [index, calls] of usage.latency.entries()) (before.latency[index] as number) += calls;
}
