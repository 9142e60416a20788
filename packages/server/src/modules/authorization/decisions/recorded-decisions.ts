import { sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { deleteSome } from "#platform/database/prune.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import { mayRemove } from "#platform/retention/ceiling.ts";

export interface RecordedRow {
  readonly organizationId: string | null;
  readonly day: string;
  readonly hash: string;
  readonly userId: string;
  readonly query: object;
  readonly allowed: boolean;
  readonly times: number;
  readonly lastAt: string;
}

export interface RecordedQueryRow {
  readonly userId: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly times: number;
  readonly lastAt: Date;
}

export const recordedReads = (db: ReadHandle) => ({
  /** Distinct queries that were decided in the organization since `since`, the most frequent first. */
  async recordedQueries(organizationId: string | null, since: Date, limit: number): Promise<readonly RecordedQueryRow[]> {
    return rowsOf(
      db,
      sql<RecordedQueryRow>`
      select user_id as "userId", question as query, sum(times)::float8 as times, max(last_at) as "lastAt" from recorded_decisions
      where ${ofTenant(organizationId)} and day >= ${since.toISOString().slice(0, 10)}::date
      group by user_id, question_hash, question order by 3 desc, 4 desc limit ${limit}`,
    );
  },
});

export const recordedWrites = (tx: WriteHandle) => ({
  /** Adds the counts of queries to those of the day. */
  async recordDecisions(rows: readonly RecordedRow[]): Promise<void> {
    await sql`insert into recorded_decisions (organization_id, day, question_hash, user_id, question, allowed, times, last_at)
      select "organizationId", day, decode(hash, 'hex'), "userId", query, allowed, times, "lastAt"
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as r ("organizationId" uuid, day date, hash text, "userId" uuid, query jsonb, allowed boolean, times bigint, "lastAt" timestamptz)
      where "organizationId" is null or exists (select from organizations where id = "organizationId")
      order by hash
      on conflict (organization_id, day, question_hash) do update
        set times = recorded_decisions.times + excluded.times, last_at = excluded.last_at, allowed = excluded.allowed`.execute(tx);
  },
  /** Removes at most `limit` recorded decisions of an organization and returns how many. */
  eraseRecordedDecisions: (organizationId: string, limit: number): Promise<number> =>
    deleteSome(tx, "recorded_decisions", sql`organization_id = ${organizationId}`, limit),
  /** Removes at most `limit` decisions recorded before `before`. Removes none and reports `stopped` if more are due than one run may remove. */
  async pruneRecordedBefore(before: Date, limit: number): Promise<{ readonly removed: number; readonly stopped: boolean }> {
    const isOld = sql`day < ${before.toISOString().slice(0, 10)}::date`;
    const { rows } = await sql<{ due: string }>`select count(*)::text as due from recorded_decisions where ${isOld}`.execute(tx);
    const may = await mayRemove(tx, { name: "decisions.recorded", due: Number(rows[0]?.due ?? 0), table: "recorded_decisions" });
    return { removed: may ? await deleteSome(tx, "recorded_decisions", isOld, limit) : 0, stopped: !may };
  },
});
