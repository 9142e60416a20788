import { createHash } from "node:crypto";
import { everyTenant } from "../../platform/database/database.ts";
import type { Platform } from "../../platform/platform.ts";
import type { CheckRequest } from "./check.ts";
import { policyWrites, type RecordedRow } from "./policy-store.ts";

/** A question as it is kept: all that decides it again, but neither the credential nor the session. */
export type KeptQuestion = Pick<CheckRequest, "userId" | "actionType"> &
  Partial<Pick<CheckRequest, "tenantId" | "resourceType" | "resourceId" | "resourceData" | "contextData">>;

interface Counted {
  readonly request: KeptQuestion;
  allowed: boolean;
  times: number;
}

const flushMs = 2_000;
/** Distinct questions between two writes; more are counted as not kept. A preview needs the variety, not each one. */
const distinctMax = 5_000;
/** A question with more data than this is decided, but not kept. */
const questionLengthMax = 4_000;

/** Keeps which questions were decided and how often, for previews of policy changes. Loses what a crash finds unwritten. */
export class DecisionRecorder {
  readonly #platform: Platform;
  #counted = new Map<string, Counted>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Counts a question. Costs a look-up in the usual case that it was asked before, within these two seconds. */
  record(request: CheckRequest, allowed: boolean): void {
    if (this.#platform.settings.decisionDays === 0) return;
    const key = keyOf(request);
    const known = this.#counted.get(key);
    if (known) {
      known.times += 1;
      known.allowed = allowed;
      return;
    }
    if (this.#counted.size >= distinctMax || key.length > questionLengthMax) {
      this.#platform.metrics.decisionsNotKept.inc();
      return;
    }
    this.#counted.set(key, { request, allowed, times: 1 });
    this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  /** Writes what was counted; a write that fails is logged and its questions are lost: decisions do not wait for it. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counted = this.#counted;
    this.#counted = new Map();
    if (counted.size > 0) this.#writing = this.#writing.then(() => this.#write([...counted]));
    return this.#writing;
  }

  stop(): Promise<void> {
    return this.flush();
  }

  async #write(counted: readonly (readonly [string, Counted])[]): Promise<void> {
    const { clock, database, logger, metrics } = this.#platform;
    const lastAt = new Date(clock.now()).toISOString();
    const rows = counted.map(
      ([key, { request, allowed, times }]): RecordedRow => ({
        organizationId: request.tenantId ?? null,
        day: lastAt.slice(0, 10),
        hash: createHash("sha256").update(key).digest("hex"),
        userId: request.userId,
        question: keptOf(request),
        allowed,
        times,
        lastAt,
      }),
    );
    try {
      await database.transact(everyTenant, (tx) => policyWrites(tx).recordDecisions(rows));
    } catch (error) {
      metrics.decisionsNotKept.inc(rows.length);
      logger.warn({ err: error }, "decided questions could not be kept for previews");
    }
  }
}

const keptOf = ({ userId, tenantId, actionType, resourceType, resourceId, resourceData, contextData }: KeptQuestion): KeptQuestion => ({
  userId,
  actionType,
  ...(tenantId == null ? {} : { tenantId }),
  ...(resourceType == null ? {} : { resourceType }),
  ...(resourceId == null ? {} : { resourceId }),
  ...(resourceData == null ? {} : { resourceData }),
  ...(contextData == null ? {} : { contextData }),
});

/** The usual question has no data; its key is put together without the cost of JSON. Ids that hold a bar cannot be mistaken: lengths tell. */
function keyOf({ userId, tenantId, actionType, resourceType, resourceId, resourceData, contextData }: KeptQuestion): string {
  const type = resourceType ?? "";
  const id = resourceId ?? "";
  const key = `${userId}${tenantId ?? "-"}${actionType}|${type.length}|${id.length}|${type}${id}`;
  return resourceData == null && contextData == null ? key : key + JSON.stringify([resourceData, contextData]);
}
