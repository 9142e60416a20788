import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { everyTenant } from "#platform/database/database.ts";
import { isUnavailable } from "#platform/database/faults.ts";
import { clientNetwork } from "#platform/network/address.ts";
import type { Platform } from "#platform/platform.ts";
import { type AuditEnding, type AuditedCall, type NotedRow, notedRow, recordNotes } from "./audit.ts";
import { isIdentified, principalKey } from "./principal.ts";

/** Long enough for a batch, short enough that a crash loses little. */
const flushMs = 200;
/** What waits at most: entries are small, and a database that is away must not fill the process. */
const waitingMax = 1_000;
/** Each kind of refusal by who gets it and whom it concerns, and each read of the same by the same, is kept this often in a window. */
const keptInWindow = 10;
const windowMs = 60_000;
/** Of a flood above that, one entry stands for so many; what is left at the window's end is one entry as well. */
const summedUp = 100;
/** Kinds that are counted apart; of more, the oldest are summed up early. */
const kindsMax = 10_000;
/**
 * All refusals together: whoever calls from many addresses fills no disk. What is above it waits and is summed up, kinds of which nothing
 * was written yet first, so that each account is told of, however many there are. Reads are not under it, because who reads has been let
 * in, and could otherwise hide what they read behind refusals that they provoke.
 */
const keptPerSecondMax = 100;
const sweepMs = 1_000;

/** Refusals of one kind within a window. */
interface Kind {
  readonly began: number;
  count: number;
  /** Whether an entry was written. */
  told: boolean;
  /** The first call that no entry tells of, and how many there are. */
  first: NotedRow | undefined;
  untold: number;
}

/** Callers without a credential are told apart by their network, as limits tell them. */
const whoCalls = (principal: AuditedCall["principal"], { ip }: AuditedCall["origin"]): string =>
  isIdentified(principal) ? principalKey(principal) : `${principal.kind} ${ip && clientNetwork(ip)}`;

/**
 * Notes calls that changed nothing (refusals, sign-ins that failed, reads of sensitive data), in batches after the answer.
 * Nothing waits for it. A crash loses what is not written yet; what a database that is away loses is counted.
 */
export class AuditNotes {
  readonly #platform: Platform;
  readonly #reads = new LRUCache<string, { count: number }>({ max: kindsMax, ttl: windowMs });
  /** In the order in which their windows began. */
  readonly #kinds = new Map<string, Kind>();
  #waiting: NotedRow[] = [];
  #second = 0;
  #inSecond = 0;
  #timer: NodeJS.Timeout | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  add(call: AuditedCall, ending: Omit<AuditEnding, "standsFor">): void {
    if (ending.result === "success") {
      const standsFor = this.#sampledRead(call);
      if (standsFor > 0) this.#push(notedRow(call, { ...ending, standsFor }));
      return;
    }
    const kind = this.#kindOf(call, ending);
    kind.count += 1;
    if (kind.count <= keptInWindow && !this.#isOverRate()) {
      kind.told = true;
      this.#push(notedRow(call, { ...ending, standsFor: 1 }));
      return;
    }
    kind.first ??= notedRow(call, { ...ending, standsFor: 1 });
    kind.untold += 1;
    if (kind.untold >= summedUp && !this.#isOverRate()) this.#sumUp(kind);
  }

  /** Resolves when what was noted before the call is written, or lost and counted; what is to be summed up still waits. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = this.#waiting;
    this.#waiting = [];
    if (rows.length > 0) this.#writing = this.#writing.then(() => this.#write(rows));
    return this.#writing;
  }

  /** The same with everything that waits to be summed up, before the process ends. */
  async settle(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    for (const [key, kind] of this.#kinds) {
      this.#sumUp(kind);
      this.#kinds.delete(key);
      if (this.#waiting.length >= waitingMax) await this.flush();
    }
    await this.flush();
  }

  #push(row: NotedRow): void {
    if (this.#waiting.length >= waitingMax) {
      this.#platform.metrics.auditNotesLost.inc({ why: "flood" }, row.stands_for);
      return;
    }
    this.#waiting.push(row);
    this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  #kindOf({ operation, principal, origin, note }: AuditedCall, { reason }: Omit<AuditEnding, "standsFor">): Kind {
    const who = whoCalls(principal, origin);
    // The account that a use case has found; what stands in the request is the caller's choice, and makes no kind.
    const key = `${operation.name} ${reason} ${who} ${note.entity?.id ?? ""}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    if (this.#kinds.size >= kindsMax) this.#end(...(this.#kinds.entries().next().value as [string, Kind]));
    const begun: Kind = { began: performance.now(), count: 0, told: false, first: undefined, untold: 0 };
    this.#kinds.set(key, begun);
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs).unref();
    return begun;
  }

  /** Tells of kinds that nothing was written of, as far as the rate allows, and ends the windows that are over. */
  #sweep(): void {
    const endedBefore = performance.now() - windowMs;
    for (const [key, kind] of this.#kinds) {
      // The rest waits for the next sweep.
      if (this.#waiting.length >= waitingMax) return;
      if (kind.began < endedBefore) this.#end(key, kind);
      else if (!kind.told && !this.#isOverRate()) this.#sumUp(kind);
    }
    if (this.#kinds.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #end(key: string, kind: Kind): void {
    this.#sumUp(kind);
    this.#kinds.delete(key);
  }

  #sumUp(kind: Kind): void {
    if (kind.first === undefined) return;
    this.#push({ ...kind.first, stands_for: kind.untold });
    kind.told = true;
    kind.first = undefined;
    kind.untold = 0;
  }

  /** How many reads of its kind the entry stands for; 0 where it is not kept. */
  #sampledRead({ operation, principal, origin, input }: AuditedCall): number {
    const who = whoCalls(principal, origin);
    // Whoever reads another person's data, or the next part of a file, has read something else.
    const kind = `${operation.name} ${hash("sha256", JSON.stringify(input), "base64url")} ${who}`;
    const seen = this.#reads.get(kind) ?? { count: 0 };
    seen.count += 1;
    if (seen.count === 1) this.#reads.set(kind, seen);
    if (seen.count <= keptInWindow) return 1;
    return (seen.count - keptInWindow) % summedUp === 0 ? summedUp : 0;
  }

  #isOverRate(): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) this.#inSecond = 0;
    this.#second = second;
    if (this.#inSecond >= keptPerSecondMax) return true;
    this.#inSecond += 1;
    return false;
  }

  async #write(rows: readonly NotedRow[]): Promise<void> {
    const { database, logger, metrics } = this.#platform;
    try {
      await database.transact(everyTenant, (tx) => recordNotes(tx, rows));
    } catch (error) {
      // One row that cannot be stored takes no other along; a database that is away takes them all.
      if (rows.length > 1 && !isUnavailable(error)) {
        for (const row of rows) await this.#write([row]);
        return;
      }
      metrics.auditNotesLost.inc(
        { why: "storage" },
        rows.reduce((sum, row) => sum + row.stands_for, 0),
      );
      logger.warn({ err: error, entries: rows.length }, "refusals could not be noted in the trail");
    }
  }
}
