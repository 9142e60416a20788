import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { everyTenant } from "#platform/database/database.ts";
import { isUnavailable } from "#platform/database/driver-errors.ts";
import { clientNetwork } from "#platform/network/address.ts";
import type { Platform } from "#platform/platform.ts";
import { isIdentified, principalKey } from "../declaration/principal.ts";
import { type AuditEntryRow, type AuditedCall, type AuditOutcome, entryRow, insertAuditEntries } from "./audit.ts";

/** Long enough to collect a batch, short enough that a crash loses little. */
const flushMs = 200;
/** The most buffered entries: entries are small, and an outage of the database must not exhaust the memory of the process. */
const bufferedMax = 1_000;
/** Entries per window for each kind of refusal by caller and account, and for equal reads by one caller. */
const entriesInWindow = 10;
const windowMs = 60_000;
/** Above that, one entry summarizes so many calls. The remainder at the end of the window is one entry as well. */
const callsInSummary = 100;
/** The most kinds that are counted separately. Above it, the oldest are summarized early. */
const kindsMax = 10_000;
/**
 * Limits all refusals together, so that a caller with many addresses cannot fill the disk. Refusals above the rate are summarized later,
 * kinds without an entry first, so that every account gets an entry. Reads are exempt: a caller could otherwise hide reads behind
 * refusals that they provoke.
 */
const entriesPerSecondMax = 100;
const sweepMs = 1_000;

/** The refusals of one kind within a window. */
interface Kind {
  readonly startedAt: number;
  count: number;
  /** Whether an entry was written. */
  hasEntry: boolean;
  /** The first call without an entry, and the number of such calls. */
  first: AuditEntryRow | undefined;
  pending: number;
}

type Outcome = Omit<AuditOutcome, "standsFor">;

/** Callers without a credential are distinguished by their network, as in rate limits. */
const callerKey = ({ principal, origin }: AuditedCall): string =>
  isIdentified(principal) ? principalKey(principal) : `${principal.kind} ${origin.ip && clientNetwork(origin.ip)}`;

/**
 * Writes audit entries of calls that changed nothing (refusals, failed sign-ins, audited reads) in batches after the answer. No call
 * waits for it. A crash loses the buffered entries; entries lost by an outage of the database are counted.
 */
export class AuditBuffer {
  readonly #platform: Platform;
  readonly #reads = new LRUCache<string, { count: number }>({ max: kindsMax, ttl: windowMs });
  /** In the order in which their windows started. */
  readonly #kinds = new Map<string, Kind>();
  #buffered: AuditEntryRow[] = [];
  #second = 0;
  #inSecond = 0;
  #timer: NodeJS.Timeout | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  add(call: AuditedCall, outcome: Outcome): void {
    if (outcome.result === "success") {
      const standsFor = this.#sampledRead(call);
      if (standsFor > 0) this.#push(entryRow(call, { ...outcome, standsFor }));
      return;
    }
    const kind = this.#kindOf(call, outcome);
    kind.count += 1;
    if (kind.count <= entriesInWindow && !this.#isAboveRate()) {
      kind.hasEntry = true;
      this.#push(entryRow(call, { ...outcome, standsFor: 1 }));
      return;
    }
    kind.first ??= entryRow(call, { ...outcome, standsFor: 1 });
    kind.pending += 1;
    if (kind.pending >= callsInSummary && !this.#isAboveRate()) this.#summarize(kind);
  }

  /** Resolves when the entries added so far are written, or lost and counted. Pending summaries are not written. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = this.#buffered;
    this.#buffered = [];
    if (rows.length > 0) this.#writing = this.#writing.then(() => this.#write(rows));
    return this.#writing;
  }

  /** Also writes the pending summaries. Called before the process ends. */
  async settle(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    for (const [key, kind] of this.#kinds) {
      this.#summarize(kind);
      this.#kinds.delete(key);
      if (this.#buffered.length >= bufferedMax) await this.flush();
    }
    await this.flush();
  }

  #push(row: AuditEntryRow): void {
    if (this.#buffered.length >= bufferedMax) {
      this.#platform.metrics.auditEntriesLost.inc({ why: "flood" }, row.stands_for);
      return;
    }
    this.#buffered.push(row);
    this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  #kindOf(call: AuditedCall, { reason }: Outcome): Kind {
    // The account as the use case resolved it. The caller controls the request, so its content is not part of the key.
    const key = `${call.operation.name} ${reason} ${callerKey(call)} ${call.details.entity?.id ?? ""}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    if (this.#kinds.size >= kindsMax) this.#close(...(this.#kinds.entries().next().value as [string, Kind]));
    const started: Kind = { startedAt: performance.now(), count: 0, hasEntry: false, first: undefined, pending: 0 };
    this.#kinds.set(key, started);
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs).unref();
    return started;
  }

  /** Writes entries for kinds without one, as far as the rate allows, and closes expired windows. */
  #sweep(): void {
    const expiredBefore = performance.now() - windowMs;
    for (const [key, kind] of this.#kinds) {
      // The next sweep handles the rest.
      if (this.#buffered.length >= bufferedMax) return;
      if (kind.startedAt < expiredBefore) this.#close(key, kind);
      else if (!kind.hasEntry && !this.#isAboveRate()) this.#summarize(kind);
    }
    if (this.#kinds.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #close(key: string, kind: Kind): void {
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

  /** The number of equal reads that the entry of this read represents; 0 where it gets no entry. */
  #sampledRead(call: AuditedCall): number {
    // Reads with different input are different reads: another user, or the next chunk of a file.
    const kind = `${call.operation.name} ${hash("sha256", JSON.stringify(call.input), "base64url")} ${callerKey(call)}`;
    const seen = this.#reads.get(kind) ?? { count: 0 };
    seen.count += 1;
    if (seen.count === 1) this.#reads.set(kind, seen);
    if (seen.count <= entriesInWindow) return 1;
    return (seen.count - entriesInWindow) % callsInSummary === 0 ? callsInSummary : 0;
  }

  #isAboveRate(): boolean {
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
      // One row that cannot be stored must not lose the others. An outage of the database loses all of them.
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
