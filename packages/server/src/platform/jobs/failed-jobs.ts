import { sql } from "kysely";
import type { PgBoss } from "pg-boss";
import { type Database, everyTenant } from "../database/database.ts";
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
/** One statement's worth; what is left is said by another call. */
const redrivenMax = 10_000;

/**
 * The jobs of a queue that were given up. They are dead letters in pg-boss's own table, which deletes them seven days after
 * their end. A redriven job gets one more try. Payloads hold no secret in the clear: what a job encrypts stays encrypted here.
 */
export function failedJobs(database: Database, boss: PgBoss, queue: string): DeadLetters {
  const isFailed = sql`name = ${queue} and state = 'failed'`;
  // pg-boss documents how many it has retried, and leaves it out of the type.
  const retry = async (ids: string[]): Promise<number> => ((await boss.retry(queue, ids)) as { affected?: number }).affected ?? 0;
  return {
    async list({ limit, after = firstId }) {
      if (!uuid.test(after)) return { items: [], next: null };
      const { rows } = await database.read(everyTenant, (db) =>
        sql<Row>`select id, coalesce(data::text, '') as body, retry_count + 1 as attempts, output->>'message' as failure,
            coalesce(completed_on, created_on) as failed_at
          from jobs.job where ${isFailed} and id > ${after}::uuid order by jobs.job.id limit ${limit + 1}`.execute(db as never),
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
      const { rows } = await database.read(everyTenant, (db) =>
        sql<{ count: string }>`select count(*) from jobs.job where ${isFailed}`.execute(db as never),
      );
      return Number(rows[0]?.count);
    },
    redrive: async (id) => uuid.test(id) && (await retry([id])) === 1,
    async redriveAll() {
      const { rows } = await database.read(everyTenant, (db) =>
        sql<{ id: string }>`select id from jobs.job where ${isFailed} order by jobs.job.id limit ${redrivenMax}`.execute(db as never),
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
