import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { everyTenant } from "../platform/database/database.ts";
import { isUnavailable } from "../platform/database/faults.ts";
import { clientNetwork } from "../platform/network/address.ts";
import type { Platform } from "../platform/platform.ts";
import { type AuditEnding, type AuditedCall, type NotedRow, notedRow, recordNotes } from "./audit.ts";

/** Long enough for a batch, short enough that a crash loses little. */
const flushMs = 200;
/** What waits at most: entries are small, and a database that is away must not fill the process. */
const waitingMax = 1_000;
/** Each kind of refusal by who gets it, and each read of the same by the same, is kept this often in a window. */
const keptInWindow = 10;
const windowMs = 60_000;
/** Of a flood above that, one in so many is kept and says how many it stands for. */
const sampledOneIn = 100;
/** Kinds that are counted apart; of more, the oldest begin anew. */
const kindsMax = 10_000;
/**
 * All refusals together: whoever calls from many addresses fills no disk. Reads are not under it, because who reads has been let in, and
 * could otherwise hide what he reads behind refusals that he provokes.
 */
const keptPerSecondMax = 100;

/**
 * Notes calls that changed nothing (refusals, sign-ins that failed, reads of sensitive data), in batches after the answer.
 * Nothing waits for it. A crash loses what is not written yet; what a flood or a database that is away loses is counted.
 */
export class AuditNotes {
  readonly #platform: Platform;
  readonly #counts = new LRUCache<string, { count: number }>({ max: kindsMax, ttl: windowMs });
  #waiting: NotedRow[] = [];
  #second = 0;
  #inSecond = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  add(call: AuditedCall, ending: Omit<AuditEnding, "standsFor">): void {
    const standsFor = this.#sampled(call, ending);
    if (standsFor === 0) return;
    if (this.#waiting.length >= waitingMax || (ending.result !== "success" && this.#isOverRate())) {
      this.#platform.metrics.auditNotesLost.inc({ why: "flood" }, standsFor);
      return;
    }
    this.#waiting.push(notedRow(call, { ...ending, standsFor }));
    this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  /** Resolves when what was noted before the call is written, or lost and counted. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = this.#waiting;
    this.#waiting = [];
    if (rows.length > 0) this.#writing = this.#writing.then(() => this.#write(rows));
    return this.#writing;
  }

  /** How many of its kind the entry stands for; 0 where it is not kept. */
  #sampled({ operation, caller, origin, input }: AuditedCall, { result, reason }: Omit<AuditEnding, "standsFor">): number {
    const who = caller.kind === "user" ? caller.userId : `${caller.kind} ${origin.ip && clientNetwork(origin.ip)}`;
    // Whoever reads another person's data, or the next part of a file, has read something else.
    const what = result === "success" ? hash("sha256", JSON.stringify(input), "base64url") : reason;
    const kind = `${operation.name} ${what} ${who}`;
    const seen = this.#counts.get(kind) ?? { count: 0 };
    seen.count += 1;
    if (seen.count === 1) this.#counts.set(kind, seen);
    if (seen.count <= keptInWindow) return 1;
    return (seen.count - keptInWindow) % sampledOneIn === 0 ? sampledOneIn : 0;
  }

  #isOverRate(): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) this.#inSecond = 0;
    this.#second = second;
    this.#inSecond += 1;
    return this.#inSecond > keptPerSecondMax;
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
