import { createHash } from "node:crypto";
import type { Decision } from "@gatehouse/policy";
import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { FairSample } from "./fair-sample.ts";
import { type RecordedRow, recordedWrites } from "./recorded-decisions.ts";

/** A recorded query: everything needed to decide it again, except credential and session. */
export interface RecordedQuery {
  readonly userId: string;
  readonly tenantId?: string | null;
  readonly actionType: string;
  readonly resourceType?: string | null;
  readonly resourceId?: string | null;
  readonly resourceData?: Record<string, unknown> | null;
  readonly contextData?: Record<string, unknown> | null;
}

/** A query that is not written yet. Its data is JSON text, so that no large object is retained; null without data. */
interface QueryDraft {
  readonly userId: string;
  readonly tenantId: string | null;
  readonly actionType: string;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly data: string | null;
  readonly allowed: boolean;
}

const flushMs = 10_000;
/**
 * Drafts between two writes, which limits writes to 200 rows a second under any load. Above it the recorder takes a sample with an equal
 * share for each tenant. That is enough for previews: the most frequent queries are in every sample.
 */
const draftsMax = 2_000;
/** A query with more data than this is not recorded. */
const dataLengthMax = 4_000;

/** Records which queries were decided and how often, for previews of policy changes. A crash loses unwritten drafts. */
export class DecisionRecorder {
  readonly #platform: Platform;
  readonly #drafts = new FairSample<QueryDraft>(draftsMax);
  #unrecorded = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Adds a query, to be written later. Ignores queries about non-members, which would only fill the organization's previews. */
  record(query: RecordedQuery, { allowed, reason }: Decision): void {
    if (this.#platform.settings.decisionDays === 0 || reason === "not_a_member") return;
    const { userId, tenantId, actionType, resourceType, resourceId, resourceData, contextData } = query;
    const tenant = tenantId ?? "";
    if (!this.#drafts.hasRoom(tenant)) {
      this.#unrecorded += 1;
      return;
    }
    const data = resourceData == null && contextData == null ? null : textOf([resourceData ?? null, contextData ?? null]);
    if (data === undefined) {
      this.#unrecorded += 1;
      return;
    }
    this.#unrecorded += this.#drafts.add(tenant, {
      userId,
      tenantId: tenantId ?? null,
      actionType,
      resourceType: resourceType ?? null,
      resourceId: resourceId ?? null,
      data,
      allowed,
    });
    this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  /** Writes the drafts. A failed write is logged and its drafts are lost: decisions do not depend on it. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const drafts = this.#drafts.take();
    this.#platform.metrics.decisionsNotKept.inc(this.#unrecorded);
    this.#unrecorded = 0;
    if (drafts.length > 0) this.#writing = this.#writing.then(() => this.#write(drafts));
    return this.#writing;
  }

  stop(): Promise<void> {
    return this.flush();
  }

  async #write(drafts: readonly QueryDraft[]): Promise<void> {
    const { clock, database, logger, metrics } = this.#platform;
    try {
      const rows = rowsOf(drafts, new Date(clock.now()).toISOString());
      await database.transact(everyTenant, (tx) => recordedWrites(tx).recordDecisions(rows));
    } catch (error) {
      metrics.decisionsNotKept.inc(drafts.length);
      logger.warn({ err: error }, "decisions could not be recorded for previews");
    }
  }
}

/** Serializes data; undefined if it is too long or nested too deeply. */
function textOf(data: unknown): string | undefined {
  try {
    const text = JSON.stringify(data);
    return text.length > dataLengthMax ? undefined : text;
  } catch {
    return undefined;
  }
}

/** One row for each distinct query, with its count and latest decision. */
function rowsOf(drafts: readonly QueryDraft[], lastAt: string): readonly RecordedRow[] {
  const rows = new Map<string, RecordedRow>();
  for (const { allowed, ...query } of drafts) {
    const key = JSON.stringify(query);
    rows.set(key, {
      organizationId: query.tenantId,
      day: lastAt.slice(0, 10),
      hash: createHash("sha256").update(key).digest("hex"),
      userId: query.userId,
      query: recorded(query),
      allowed,
      times: (rows.get(key)?.times ?? 0) + 1,
      lastAt,
    });
  }
  return [...rows.values()];
}

function recorded({ data, ...query }: Omit<QueryDraft, "allowed">): RecordedQuery {
  const [resourceData, contextData] =
    data === null ? [null, null] : (JSON.parse(data) as [RecordedQuery["resourceData"], RecordedQuery["contextData"]]);
  const given = Object.entries({ ...query, resourceData, contextData }).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given) as unknown as RecordedQuery;
}
