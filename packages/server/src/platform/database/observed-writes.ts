import { sql } from "kysely";
import type { Database } from "./database.ts";
import { everyTenant } from "./database.ts";
import { isStandbyRefusal } from "./driver-errors.ts";

/** Whether the database accepts writes now. */
export interface Writes {
  /** Why it does not, as text for an operator; undefined if it does. */
  refusal(): Promise<string | undefined>;
}

const isStandby = "the database is a standby: DATABASE_URL must name the primary";
/** PostgreSQL errors that affect every write: read-only (25006) and a full disk (53100, appendix A). */
const reasons: Readonly<Record<string, string>> = {
  "25006": "the database is read-only",
  "53100": "the disk of the database is full",
};
/**
 * How long a reason that only a write can detect is reported. While this process is DOWN and calls go elsewhere, no write
 * would detect that the reason no longer applies.
 */
const validMs = 10_000;

/** Observes the outcome of writes. `shortage` returns why an embedded database is read-only, if it is. */
export function observeWrites(database: Database, shortage: () => string | undefined = () => undefined) {
  let last: { readonly reason: string; readonly at: number } | undefined;
  const observed: Database = {
    ...database,
    transact: (scope, work) =>
      database.transact(scope, work).then(
        (value) => {
          last = undefined;
          return value;
        },
        (error) => {
          const reason = reasonOf(error);
          if (reason !== undefined) last = { reason, at: performance.now() };
          throw error;
        },
      ),
  };
  const writes: Writes = {
    async refusal() {
      try {
        const { standby, closed } = await queryState(database);
        if (standby) return isStandby;
        if (closed) return shortage() ?? "the database is read-only (default_transaction_read_only)";
      } catch (error) {
        return reasonOf(error) ?? "the database does not answer";
      }
      return last !== undefined && performance.now() - last.at < validMs ? last.reason : undefined;
    },
  };
  return { database: observed, writes };
}

/** Queried in a transaction like those of commands, so that settings of the database, the login and a pooler apply. */
const queryState = (database: Database): Promise<{ readonly standby: boolean; readonly closed: boolean }> =>
  database.transact(everyTenant, async (tx) => {
    const { rows } = await sql<{ standby: boolean; closed: boolean }>`
      select pg_is_in_recovery() as standby, current_setting('transaction_read_only')::boolean as closed`.execute(tx);
    return rows[0] as { standby: boolean; closed: boolean };
  });

/** The reason of an error or one of its causes, because adapters wrap the driver's error. */
function reasonOf(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isStandbyRefusal(cause)) return isStandby;
    const reason = reasons[String((cause as { readonly code?: unknown }).code)];
    if (reason !== undefined) return reason;
  }
  return undefined;
}
