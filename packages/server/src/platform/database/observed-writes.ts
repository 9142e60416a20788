import { sql } from "kysely";
import type { Database } from "./database.ts";
import { everyTenant } from "./database.ts";
import { isStandbyRefusal } from "./driver-errors.ts";

/** Whether the database takes writes now. */
export interface Writes {
  /** Why it does not, in words for an operator; undefined where it does. */
  refusal(): Promise<string | undefined>;
}

const isStandby = "the database is a standby: DATABASE_URL must name the primary";
/** Refusals of PostgreSQL that meet every write: read-only (25006) and a full disk (53100, appendix A). */
const reasons: Readonly<Record<string, string>> = {
  "25006": "the database is read-only",
  "53100": "the disk of the database is full",
};
/**
 * What only a write finds out is believed for so long: where calls go elsewhere because this process is DOWN, no write would come
 * to find that the reason is gone.
 */
const believedMs = 10_000;

/** Observes how writes end. `shortage` tells why an embedded database is read-only, where it is. */
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
        const { standby, closed } = await asked(database);
        if (standby) return isStandby;
        if (closed) return shortage() ?? "the database is read-only (default_transaction_read_only)";
      } catch (error) {
        return reasonOf(error) ?? "the database does not answer";
      }
      return last !== undefined && performance.now() - last.at < believedMs ? last.reason : undefined;
    },
  };
  return { database: observed, writes };
}

/** Asked in a transaction as every command has it: what the database, the login or a pooler has set counts as it counts there. */
const asked = (database: Database): Promise<{ readonly standby: boolean; readonly closed: boolean }> =>
  database.transact(everyTenant, async (tx) => {
    const { rows } = await sql<{ standby: boolean; closed: boolean }>`
      select pg_is_in_recovery() as standby, current_setting('transaction_read_only')::boolean as closed`.execute(tx);
    return rows[0] as { standby: boolean; closed: boolean };
  });

/** Adapters wrap the driver's error. */
function reasonOf(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isStandbyRefusal(cause)) return isStandby;
    const reason = reasons[String((cause as { readonly code?: unknown }).code)];
    if (reason !== undefined) return reason;
  }
  return undefined;
}
