import { sql } from "kysely";
import type { PgBoss } from "pg-boss";
import { type Database, everyTenant } from "../database/database.ts";
import { rowsOf } from "../database/rows.ts";
import type { DeadLetters } from "../dead-letters.ts";

interface Row {
  readonly id: string;
  readonly body: string;
  readonly attempts: number;
  readonly failure: string | null;
  readonly failed_at: Date;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const firstId = "00000000-0000-0000-0000-000000000000";
/** The limit of one statement; another call handles the rest. */
const redrivenMax = 10_000;

/**
 * The failed jobs of a queue. They are dead letters in pg-boss's own table, which deletes them seven days after
 * their end. A redriven job gets one more attempt. Payloads have no plaintext secrets: fields that a job encrypts stay encrypted here.
 */
export function failedJobs(database: Database, boss: PgBoss, queue: string): DeadLetters {
  const isFailed = sql`name = ${queue} and state = 'failed'`;
  // pg-boss documents `affected`, but its type lacks it.
  const retry = async (ids: string[]): Promise<number> => ((await boss.retry(queue, ids)) as { affected?: number }).affected ?? 0;
  return {
    async list({ limit, after = firstId }) {
      if (!uuid.test(after)) return { items: [], next: null };
      const rows = await database.read(everyTenant, (db) =>
        rowsOf(
          db,
          sql<Row>`select id, coalesce(data::text, '') as body, retry_count + 1 as attempts, output->>'message' as failure,
            coalesce(completed_on, created_on) as failed_at
          from jobs.job where ${isFailed} and id > ${after}::uuid order by jobs.job.id limit ${limit + 1}`,
        ),
      );
      const page = rows.slice(0, limit);
      const items = page.map(({ failed_at, failure, ...row }) => ({
        ...row,
        topic: queue,
        failure: failure ?? "",
        failedAt: failed_at.toISOString(),
      }));
      return { items, next: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
    },
    async count() {
      const rows = await database.read(everyTenant, (db) =>
        rowsOf(db, sql<{ count: string }>`select count(*) from jobs.job where ${isFailed}`),
      );
      return Number(rows[0]?.count);
    },
    redrive: async (id) => uuid.test(id) && (await retry([id])) === 1,
    async redriveAll() {
      const rows = await database.read(everyTenant, (db) =>
        rowsOf(db, sql<{ id: string }>`select id from jobs.job where ${isFailed} order by jobs.job.id limit ${redrivenMax}`),
      );
      if (rows.length === 0) return 0;
      return retry(rows.map(({ id }) => id));
    },
    async drop(id) {
      if (!uuid.test(id)) return false;
      const { numAffectedRows } = await database.transact(everyTenant, (tx) =>
        sql`delete from jobs.job where ${isFailed} and id = ${id}::uuid`.execute(tx),
      );
      return numAffectedRows === 1n;
    },
  };
}
