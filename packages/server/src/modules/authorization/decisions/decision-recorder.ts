import { createHash } from "node:crypto";
import type { Decision } from "@gatehouse/policy";
import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { FairSample } from "./fair-sample.ts";
import { type RecordedRow, recordedWrites } from "./recorded-decisions.ts";

/** A question as it is kept: all that decides it again, but neither the credential nor the session. */
export interface RecordedQuery {
  readonly userId: string;
  readonly tenantId?: string | null;
  readonly actionType: string;
  readonly resourceType?: string | null;
  readonly resourceId?: string | null;
  readonly resourceData?: Record<string, unknown> | null;
  readonly contextData?: Record<string, unknown> | null;
}

/** A question as it is taken down. Its data is text, so that nothing large is held, and null where there is none. */
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
 * Questions that are taken down between two writes, so that under any load no more than 200 rows a second are written. Above it a
 * sample is kept, in which each tenant has an equal share: a preview needs the variety, and the questions that are asked most are in
 * every sample.
 */
const draftsMax = 2_000;
/** A question with more data than this is decided, but not kept. */
const dataLengthMax = 4_000;

/** Keeps which questions were decided and how often, for previews of policy changes. Loses what a crash finds unwritten. */
export class DecisionRecorder {
  readonly #platform: Platform;
  readonly #drafts = new FairSample<QueryDraft>(draftsMax);
  #notKept = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Takes a question down; it is written later. Queries about non-members are not recorded: they could only fill the organization's previews. */
  record(question: RecordedQuery, { allowed, reason }: Decision): void {
    if (this.#platform.settings.decisionDays === 0 || reason === "not_a_member") return;
    const { userId, tenantId, actionType, resourceType, resourceId, resourceData, contextData } = question;
    const tenant = tenantId ?? "";
    if (!this.#drafts.hasRoom(tenant)) {
      this.#notKept += 1;
      return;
    }
    const data = resourceData == null && contextData == null ? null : textOf([resourceData ?? null, contextData ?? null]);
    if (data === undefined) {
      this.#notKept += 1;
      return;
    }
    this.#notKept += this.#drafts.add(tenant, {
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

  /** Writes what was taken down; a write that fails is logged and its questions are lost: decisions do not wait for it. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const drafts = this.#drafts.take();
    this.#platform.metrics.decisionsNotKept.inc(this.#notKept);
    this.#notKept = 0;
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
      logger.warn({ err: error }, "decided questions could not be kept for previews");
    }
  }
}

/** Undefined where the data is too long, or too deep to be written out. */
function textOf(data: unknown): string | undefined {
  try {
    const text = JSON.stringify(data);
    return text.length > dataLengthMax ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Each question once, with how often it was asked and its last answer. */
function rowsOf(drafts: readonly QueryDraft[], lastAt: string): readonly RecordedRow[] {
  const rows = new Map<string, RecordedRow>();
  for (const { allowed, ...question } of drafts) {
    const key = JSON.stringify(question);
    rows.set(key, {
      organizationId: question.tenantId,
      day: lastAt.slice(0, 10),
      hash: createHash("sha256").update(key).digest("hex"),
      userId: question.userId,
      question: kept(question),
      allowed,
      times: (rows.get(key)?.times ?? 0) + 1,
      lastAt,
    });
  }
  return [...rows.values()];
}

function kept({ data, ...question }: Omit<QueryDraft, "allowed">): RecordedQuery {
  const [resourceData, contextData] =
    data === null ? [null, null] : (JSON.parse(data) as [RecordedQuery["resourceData"], RecordedQuery["contextData"]]);
  const given = Object.entries({ ...question, resourceData, contextData }).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given) as unknown as RecordedQuery;
}
