import { setImmediate as nextTurn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { type PolicyEntry, policyKey } from "#modules/authorization/access/index.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { policyOf } from "./compiled-entries.ts";
import type { CachedEntry, LoadedEntry } from "./entry-map.ts";

/** A permission whose position in the tree changed; null for a change of the model, which may concern every decision. */
export type PolicyChange = string | null;

/** Whether a change concerns a query. */
export type Concerns = (change: PolicyChange) => boolean;

export const everyChange: Concerns = () => true;
export const modelChanges: Concerns = (change) => change === null;

/**
 * Without waiting calls, a process spends at most a fifth of its time on loading policies, however fast permissions change. Parsing and
 * compiling 20,000 permissions takes 30 ms.
 */
const restPerLoad = 4;
/** The delay after a failure, so that an unavailable database is not queried again at once. */
const retryMs = 250;

interface Source {
  /** Reads the stored entry. After an announcement it contains the announced change. */
  fetch(): Promise<LoadedEntry | null>;
  /** Whether the projector has handled the event. */
  isProjected(eventId: string): boolean;
}

/**
 * The policy that this process decides with, and the changes that it does not contain yet. Decisions that a change of the tree does not
 * concern continue with the current policy; those that it concerns wait for the next one. One instance per process.
 */
export class CurrentPolicy {
  readonly #source: Source;
  #entry: CachedEntry<PolicyEntry> | undefined;
  /** Pending changes by event id. */
  readonly #changes = new Map<string, PolicyChange>();
  #replaced = 0;
  /** Whether a change was announced that the current policy may not contain. */
  #wanted = false;
  #running: Promise<void> | undefined;
  /** The changes that the running load will contain. */
  #loading: ReadonlySet<string> = new Set();
  #waiters = 0;
  #progress = Promise.withResolvers<void>();
  #hurry: (() => void) | undefined;
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Counts replacements of the policy. While it is unchanged, a policy that was current is still current. */
  get replaced(): number {
    return this.#replaced;
  }

  /** The number of changes that the current policy does not contain. */
  get behind(): number {
    return this.#changes.size;
  }

  /** Whether a pending change concerns decisions about the action: a change of the action itself or of one of its ancestors. */
  concerns(action: string): boolean {
    return this.#changes.size > 0 && this.#some(this.about([action]));
  }

  /** A predicate for changes that concern decisions about these actions. */
  about(actions: readonly string[]): Concerns {
    const tree = this.#entry?.value ? policyOf(this.#entry.value).tree : undefined;
    const concerned = new Set<PolicyChange>([null, ...actions.flatMap((action) => tree?.lineage(action) ?? [action])]);
    return (change) => concerned.has(change);
  }

  /** An event has changed the policy; the projector may have handled it already. */
  changed(eventId: string, change: PolicyChange): void {
    this.#changes.set(eventId, change);
    if (this.#source.isProjected(eventId)) this.announced();
  }

  /** The projector has written the entry anew. */
  announced(): void {
    this.#wanted = true;
    // Without any use of the policy so far, the first use loads it.
    if (this.#entry !== undefined || this.#waiters > 0) this.#begin();
  }

  /** Drops the current policy; the next query loads it. */
  invalidate(): void {
    this.#replace(undefined);
    this.#wanted = true;
  }

  /** Drops the current policy and the pending changes. Waiting calls check again. */
  clear(): void {
    this.invalidate();
    this.#changes.clear();
    this.#wakeWaiters();
  }

  /**
   * Compares the current policy with the entry that `read` finds. Drops it and returns true if they differ. Undefined without a current
   * policy. A policy that is being replaced is no difference.
   */
  async compare(read: () => Promise<LoadedEntry | null>, catchUp: () => Promise<void>): Promise<boolean | undefined> {
    const entry = this.#entry;
    if (entry === undefined) return undefined;
    const found = (await read())?.value ?? null;
    if (isDeepStrictEqual(entry.value, found)) return false;
    await catchUp();
    // A policy with a pending replacement is outdated, but not wrong.
    if (this.#entry !== entry || this.#wanted || this.#running !== undefined || this.#changes.size > 0) return false;
    this.invalidate();
    return true;
  }

  /** The current policy; loads it if there is none. */
  async entry(): Promise<CachedEntry<PolicyEntry>> {
    while (this.#entry === undefined) {
      if (this.#stopped) throw new Unavailable("authorization projection", undefined);
      this.#wanted = true;
      this.#hurry?.();
      await Promise.race([this.#begin(), this.#progress.promise]);
    }
    return this.#entry;
  }

  /** Waits until the current policy contains the pending changes that concern the query. Throws {@link Unavailable} at `deadline`. */
  async settled(concerns: Concerns, deadline: number): Promise<void> {
    const ids = [...this.#changes].flatMap(([id, change]) => (concerns(change) ? [id] : []));
    if (ids.length === 0) return;
    this.#waiters += 1;
    this.#hurry?.();
    try {
      while (ids.some((id) => this.#changes.has(id))) {
        const left = deadline - performance.now();
        if (left <= 0) throw new Unavailable("authorization projection", undefined);
        if (ids.some((id) => this.#changes.has(id) && !this.#loading.has(id) && this.#source.isProjected(id))) {
          this.#wanted = true;
          void this.#begin();
        }
        await this.#progressWithin(left);
      }
    } finally {
      this.#waiters -= 1;
    }
  }

  /** Wakes the waiting calls: the projector has handled something. */
  handled(): void {
    if (this.#waiters > 0) this.#wakeWaiters();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#hurry?.();
    await this.#running?.catch(() => {});
  }

  #some(concerns: Concerns): boolean {
    for (const change of this.#changes.values()) if (concerns(change)) return true;
    return false;
  }

  /** Starts a load unless one is running. Rejects if the load fails; a timer retries it. */
  #begin(): Promise<void> {
    if (this.#running === undefined) {
      const running = this.#run().finally(() => {
        this.#running = undefined;
      });
      running.catch(() => {
        if (this.#stopped) return;
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => void this.#begin().catch(() => {}), retryMs);
        this.#retry.unref();
      });
      this.#running = running;
    }
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#wanted && !this.#stopped) {
      this.#wanted = false;
      const tookMs = await this.#load();
      if (this.#wanted && this.#waiters === 0) await this.#rest(tookMs * restPerLoad);
    }
  }

  async #load(): Promise<number> {
    const contained = new Set([...this.#changes.keys()].filter((id) => this.#source.isProjected(id)));
    this.#loading = contained;
    const replaced = this.#replaced;
    const startedAt = performance.now();
    try {
      const loaded = await this.#source.fetch();
      // Parsing was one turn of the event loop, compiling is another; each takes some 15 ms for 20,000 permissions.
      await nextTurn();
      const value = (loaded?.value ?? null) as PolicyEntry | null;
      if (value !== null) policyOf(value);
      // Invalidated meanwhile: the entry may be older than the invalidation.
      if (replaced !== this.#replaced) this.#wanted = true;
      else {
        this.#replace({
          key: policyKey,
          value,
          version: loaded?.version ?? null,
          unavailable: loaded?.unavailable ?? false,
          bytes: 0,
          stale: false,
        });
        for (const id of contained) this.#changes.delete(id);
      }
    } catch (error) {
      this.#wanted = true;
      throw error;
    } finally {
      this.#loading = new Set();
    }
    this.#wakeWaiters();
    return performance.now() - startedAt;
  }

  #replace(entry: CachedEntry<PolicyEntry> | undefined): void {
    if (this.#entry) this.#entry.stale = true;
    this.#entry = entry;
    this.#replaced += 1;
  }

  #wakeWaiters(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers<void>();
  }

  async #progressWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#progress.promise, late]);
    clearTimeout(timer);
  }

  async #rest(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = undefined;
  }
}
