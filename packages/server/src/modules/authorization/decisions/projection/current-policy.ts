import { setImmediate as nextTurn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { type PolicyEntry, policyKey } from "#modules/authorization/access/index.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { policyOf } from "./compiled-entries.ts";
import type { CachedEntry, LoadedEntry } from "./entry-map.ts";

/** A permission whose place in the tree changed; null where the model changed, which may concern every decision. */
export type PolicyChange = string | null;

/** Whether a change concerns a question. */
export type Concerns = (change: PolicyChange) => boolean;

export const everyChange: Concerns = () => true;
export const modelChanges: Concerns = (change) => change === null;

/**
 * A process without waiting calls spends at most a fifth of its time on loading policies, however fast permissions are changed one after
 * another: parsing and compiling 20,000 permissions takes it 30 ms.
 */
const restPerLoad = 4;
/** After a failure: a database that is away is not asked again at once. */
const retryMs = 250;

interface Source {
  /** Reads the entry as it is kept; asked after an announcement, it contains what was announced. */
  fetch(): Promise<LoadedEntry | null>;
  /** Whether the projector has handled the event. */
  isProjected(eventId: string): boolean;
}

/**
 * The policy that this process decides with, and the changes that it does not contain yet. A change of the tree makes nothing stale by
 * itself: decisions that it does not concern go on with the policy at hand, and those that it concerns wait for the next one. One a process.
 */
export class CurrentPolicy {
  readonly #source: Source;
  #entry: CachedEntry<PolicyEntry> | undefined;
  /** By event. */
  readonly #changes = new Map<string, PolicyChange>();
  #replaced = 0;
  /** True when something was announced that the policy at hand may not contain. */
  #wanted = false;
  #running: Promise<void> | undefined;
  /** The changes that the load under way will contain. */
  #loading: ReadonlySet<string> = new Set();
  #waiters = 0;
  #progress = Promise.withResolvers<void>();
  #hurry: (() => void) | undefined;
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(source: Source) {
    this.#source = source;
  }

  /** How many policies have been replaced so far: while it stays the same, what was current is current. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Changes that the policy at hand does not contain. */
  get behind(): number {
    return this.#changes.size;
  }

  /** Whether a change that is not contained yet concerns a decision about the action: one of the action itself or of what stands above it. */
  concerns(action: string): boolean {
    return this.#changes.size > 0 && this.#some(this.about([action]));
  }

  /** Tells which changes concern decisions about these actions. */
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
    // Who has not asked for a policy yet loads it when it does.
    if (this.#entry !== undefined || this.#waiters > 0) this.#begin();
  }

  /** Drops the policy at hand; the next question loads it. */
  invalidate(): void {
    this.#replace(undefined);
    this.#wanted = true;
  }

  /** Forgets the policy at hand and what it does not contain; those that wait look again. */
  clear(): void {
    this.invalidate();
    this.#changes.clear();
    this.#tellWaiters();
  }

  /**
   * Compares the policy at hand with the entry that `read` finds, and forgets it where it is another. Undefined where there is none; what a
   * change has replaced meanwhile was right when it was read.
   */
  async compare(read: () => Promise<LoadedEntry | null>, catchUp: () => Promise<void>): Promise<boolean | undefined> {
    const entry = this.#entry;
    if (entry === undefined) return undefined;
    const found = (await read())?.value ?? null;
    if (isDeepStrictEqual(entry.value, found)) return false;
    await catchUp();
    // One that a newer one is on its way for is not wrong, only not the newest.
    if (this.#entry !== entry || this.#wanted || this.#running !== undefined || this.#changes.size > 0) return false;
    this.invalidate();
    return true;
  }

  /** The policy at hand; loaded where there is none. */
  async entry(): Promise<CachedEntry<PolicyEntry>> {
    while (this.#entry === undefined) {
      if (this.#stopped) throw new Unavailable("authorization projection", undefined);
      this.#wanted = true;
      this.#hurry?.();
      await Promise.race([this.#begin(), this.#progress.promise]);
    }
    return this.#entry;
  }

  /** Waits until the policy at hand contains the changes known now that concern the question. Throws {@link Unavailable} at `deadline`. */
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
    if (this.#waiters > 0) this.#tellWaiters();
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

  /** One load at a time; rejects where it fails, and is then tried again by itself. */
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
    const askedAt = performance.now();
    try {
      const loaded = await this.#source.fetch();
      // Parsing was one turn of the event loop, compiling is another; each takes some 15 ms for 20,000 permissions.
      await nextTurn();
      const value = (loaded?.value ?? null) as PolicyEntry | null;
      if (value !== null) policyOf(value);
      // Forgotten meanwhile: what was read may be from before.
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
    this.#tellWaiters();
    return performance.now() - askedAt;
  }

  #replace(entry: CachedEntry<PolicyEntry> | undefined): void {
    if (this.#entry) this.#entry.stale = true;
    this.#entry = entry;
    this.#replaced += 1;
  }

  #tellWaiters(): void {
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
