import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { everyTenant } from "#platform/database/database.ts";
import { isUnavailable } from "#platform/database/driver-errors.ts";
import { clientNetwork } from "#platform/network/address.ts";
import type { Platform } from "#platform/platform.ts";
import { isIdentified, principalKey } from "../declaration/principal.ts";
import { type AuditEntryRow, type AuditedCall, type AuditOutcome, entryRow, insertAuditEntries } from "./audit.ts";

/** Long enough for a batch, short enough that a crash loses little. */
const flushMs = 200;
/** The most rows that wait: entries are small, and an outage of the database must not fill the process. */
const waitingMax = 1_000;
/** In a window, each kind of refusal by its caller and account, and each read of the same by the same caller, has so many entries. */
const entriesInWindow = 10;
const windowMs = 60_000;
/** In a flood above that, one entry stands for so many calls; the rest at the end of the window is one entry as well. */
const callsInSummary = 100;
/** Kinds that are counted separately; of more, the oldest are summarized early. */
const kindsMax = 10_000;
/**
 * All refusals together: a caller with many addresses fills no disk. Refusals above the rate wait and are summarized, kinds without an
 * entry first, so that every account has an entry, however many there are. Reads are exempt: a caller who may read could otherwise hide
 * reads behind refusals that they provoke.
 */
const entriesPerSecondMax = 100;
const sweepMs = 1_000;

/** Refusals of one kind within a window. */
interface Kind {
  readonly began: number;
  count: number;
  /** Whether an entry was written. */
  hasEntry: boolean;
  /** The first call that no entry stands for, and how many there are. */
  first: AuditEntryRow | undefined;
  pending: number;
}

type Ending = Omit<AuditOutcome, "standsFor">;

/** Callers without a credential are told apart by their network, as limits tell them. */
const callerKey = ({ principal, origin }: AuditedCall): string =>
  isIdentified(principal) ? principalKey(principal) : `${principal.kind} ${origin.ip && clientNetwork(origin.ip)}`;

/**
 * Writes entries of calls that changed nothing (refusals, failed sign-ins, audited reads) in batches after the answer. No call waits
 * for it. A crash loses what is not written yet; what an outage of the database loses is counted.
 */
export class AuditBuffer {
  readonly #platform: Platform;
  readonly #reads = new LRUCache<string, { count: number }>({ max: kindsMax, ttl: windowMs });
  /** In the order in which their windows began. */
  readonly #kinds = new Map<string, Kind>();
  #waiting: AuditEntryRow[] = [];
  #second = 0;
  #inSecond = 0;
  #timer: NodeJS.Timeout | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  add(call: AuditedCall, ending: Ending): void {
    if (ending.result === "success") {
      const standsFor = this.#sampledRead(call);
      if (standsFor > 0) this.#push(entryRow(call, { ...ending, standsFor }));
      return;
    }
    const kind = this.#kindOf(call, ending);
    kind.count += 1;
    if (kind.count <= entriesInWindow && !this.#isOverRate()) {
      kind.hasEntry = true;
      this.#push(entryRow(call, { ...ending, standsFor: 1 }));
      return;
    }
    kind.first ??= entryRow(call, { ...ending, standsFor: 1 });
    kind.pending += 1;
    if (kind.pending >= callsInSummary && !this.#isOverRate()) this.#summarize(kind);
  }

  /** Resolves when the entries that were added before are written, or lost and counted. What is to be summarized still waits. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = this.#waiting;
    this.#waiting = [];
    if (rows.length > 0) this.#writing = this.#writing.then(() => this.#write(rows));
    return this.#writing;
  }

  /** Also writes what waits to be summarized, before the process ends. */
  async settle(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    for (const [key, kind] of this.#kinds) {
      this.#summarize(kind);
      this.#kinds.delete(key);
      if (this.#waiting.length >= waitingMax) await this.flush();
    }
    await this.flush();
  }

  #push(row: AuditEntryRow): void {
    if (this.#waiting.length >= waitingMax) {
      this.#platform.metrics.auditEntriesLost.inc({ why: "flood" }, row.stands_for);
      return;
    }
    this.#waiting.push(row);
    this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  #kindOf(call: AuditedCall, { reason }: Ending): Kind {
    // The account that the use case has found. What the request contains is the caller's choice, and makes no kind.
    const key = `${call.operation.name} ${reason} ${callerKey(call)} ${call.details.entity?.id ?? ""}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    if (this.#kinds.size >= kindsMax) this.#end(...(this.#kinds.entries().next().value as [string, Kind]));
    const begun: Kind = { began: performance.now(), count: 0, hasEntry: false, first: undefined, pending: 0 };
    this.#kinds.set(key, begun);
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs).unref();
    return begun;
  }

  /** Writes entries of kinds that have none, as far as the rate allows, and ends the windows whose time is over. */
  #sweep(): void {
    const endedBefore = performance.now() - windowMs;
    for (const [key, kind] of this.#kinds) {
      // The rest waits for the next sweep.
      if (this.#waiting.length >= waitingMax) return;
      if (kind.began < endedBefore) this.#end(key, kind);
      else if (!kind.hasEntry && !this.#isOverRate()) this.#summarize(kind);
    }
    if (this.#kinds.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #end(key: string, kind: Kind): void {
    this.#summarize(kind);
    this.#kinds.delete(key);
  }

  #summarize(kind: Kind): void {
    if (kind.first === undefined) return;
    this.#push({ ...kind.first, stands_for: kind.pending });
    kind.hasEntry = true;
    kind.first = undefined;
    kind.pending = 0;
  }

  /** How many reads of its kind the entry stands for; 0 where it has no entry. */
  #sampledRead(call: AuditedCall): number {
    // A read of another user, or of the next part of a file, is a read of something else.
    const kind = `${call.operation.name} ${hash("sha256", JSON.stringify(call.input), "base64url")} ${callerKey(call)}`;
    const seen = this.#reads.get(kind) ?? { count: 0 };
    seen.count += 1;
    if (seen.count === 1) this.#reads.set(kind, seen);
    if (seen.count <= entriesInWindow) return 1;
    return (seen.count - entriesInWindow) % callsInSummary === 0 ? callsInSummary : 0;
  }

  #isOverRate(): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) this.#inSecond = 0;
    this.#second = second;
    if (this.#inSecond >= entriesPerSecondMax) return true;
    this.#inSecond += 1;
    return false;
  }

  async #write(rows: readonly AuditEntryRow[]): Promise<void> {
    const { database, logger, metrics } = this.#platform;
    try {
      await database.transact(everyTenant, (tx) => insertAuditEntries(tx, rows));
    } catch (error) {
      // One row that cannot be stored takes no other along; an outage of the database takes all of them.
      if (rows.length > 1 && !isUnavailable(error)) {
        for (const row of rows) await this.#write([row]);
        return;
      }
      metrics.auditEntriesLost.inc(
        { why: "storage" },
        rows.reduce((sum, row) => sum + row.stands_for, 0),
      );
      logger.warn({ err: error, entries: rows.length }, "audit entries of refusals and reads could not be stored");
    }
  }
}
