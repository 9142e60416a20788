import { type Kysely, type RawBuilder, sql } from "kysely";
import { continueAuditLog, isAuditLogSigned } from "#modules/foundation/audit/index.ts";
import type { AnyTables, Database, WriteHandle } from "#platform/database/database.ts";
import type { Keys } from "#platform/keys/keys.ts";
import { StartRefused } from "#platform/start-refused.ts";
import { readTables, type Table } from "../import/catalogue.ts";
import { logTable, type Meaning, meaningOf } from "../import/positions.ts";
import { sameTextForms } from "../import/rows.ts";
import { raiseSequences } from "../import/sequences.ts";
import { findMoved, isMoved } from "./moved.ts";

export interface RebaseReport {
  /** False where the positions were this cluster's own, and nothing was changed. */
  readonly wasMoved: boolean;
  /** Rows that were given another position or revision, by table. */
  readonly rows: ReadonlyMap<string, number>;
}

/** The transaction that rebases, as every revision and position says from then on. */
const here = sql`pg_current_xact_id()`;

/**
 * Gives a database that came from another cluster positions of this one, by the rules of the import (runtime/import/positions.ts): each
 * log becomes one transaction in the order that it had, each place stands behind the same row. One transaction: a run that fails or is
 * killed changes nothing. Throws {@link StartRefused} where a server is connected or the audit log's signature is wrong.
 */
export async function rebase(database: Database, keys: Keys, now: Date, tell: (line: string) => void = () => {}): Promise<RebaseReport> {
  const tables = await readTables(database.owner);
  const meanings = new Map(tables.map((table) => [table, meaningOf(table)]));
  await refuseWhileInUse(database.owner);
  return database.owner.transaction().execute(async (tx) => {
    await sameTextForms.execute(tx);
    await sql`lock table ${sql.join(tables.map(({ name }) => sql.table(name)))} in access exclusive mode`.execute(tx);
    if (!isMoved(await findMoved(tx))) return { wasMoved: false, rows: new Map() };
    if (!(await isAuditLogSigned(tx as never))) {
      throw new StartRefused("The audit log's number of records is not as it was signed. `gatehouse audit verify` tells more.");
    }
    const rows = new Map<string, number>();
    // A place is found by the rows of its log as they were, so the logs come first and keep what they were.
    const order: readonly Meaning["kind"][] = ["log", "place", "revision"];
    for (const kind of order) {
      for (const [table, meaning] of meanings) {
        if (meaning.kind !== kind) continue;
        const changed = await unwatched(tx, table, () => rebased(tx, table, meaning));
        if (changed > 0) tell(`${table.name}: ${changed} rows`);
        rows.set(table.name, changed);
      }
    }
    await raiseSequences(tx, tables);
    // The next start begins the snapshot in Redis anew: it is of the cluster that the database was in.
    await sql`update projection_watermarks set lineage = null`.execute(tx);
    await continueAuditLog(tx as WriteHandle, keys, now, "installation.rebase");
    return { wasMoved: true, rows };
  });
}

/** A connection that was closed is gone from the server's list a moment later. */
const goneWithinMs = 3_000;
const lookEveryMs = 100;

/** What a server writes meanwhile would wait for the end and then stand before what it came after. */
async function refuseWhileInUse(db: Kysely<AnyTables>): Promise<void> {
  for (const deadline = performance.now() + goneWithinMs; ; ) {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
      where datname = current_database() and application_name like 'gatehouse%' and pid <> pg_backend_pid()`.execute(db);
    if (rows[0]?.count === 0) return;
    if (performance.now() > deadline)
      throw new StartRefused("A server is connected to the database. Stop every server, then run this again.");
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** Triggers that watch over rows say what may be written from now on; these rows were written before. */
async function unwatched<T>(tx: Kysely<AnyTables>, { name, triggers }: Table, work: () => Promise<T>): Promise<T> {
  const switchTriggers = async (how: "disable" | "enable") => {
    for (const trigger of triggers) await sql`alter table ${sql.table(name)} ${sql.raw(how)} trigger ${sql.ref(trigger)}`.execute(tx);
  };
  await switchTriggers("disable");
  const result = await work();
  await switchTriggers("enable");
  return result;
}

async function rebased(tx: Kysely<AnyTables>, table: Table, meaning: Meaning): Promise<number> {
  switch (meaning.kind) {
    case "plain":
      return 0;
    case "log":
      return rebasedLog(tx, table.name);
    case "place":
      return changedRows(tx, placeStatement(table.name, meaning.log));
    case "revision": {
      const columns = meaning.columns.map((name) => ({ name, type: table.columns.find((column) => column.name === name)?.type ?? "xid8" }));
      const values = columns.map(
        ({ name, type }) => sql`${sql.ref(name)} = case when ${sql.ref(name)} is not null then ${here}::text::${sql.raw(type)} end`,
      );
      const anySet = sql.join(
        columns.map(({ name }) => sql`${sql.ref(name)} is not null`),
        sql` or `,
      );
      return changedRows(tx, sql`update ${sql.table(table.name)} set ${sql.join(values)} where ${anySet}`);
    }
  }
}

const formerOf = (log: string) => sql.table(`former_${log}`);

/**
 * A row that was written here already, by a server that was started on the moved database, is known by its own transaction (`xmin`) and
 * by a number behind all that came along: it stands behind them, whatever its transaction id is.
 */
async function rebasedLog(tx: Kysely<AnyTables>, name: string): Promise<number> {
  const log = sql.table(name);
  const former = formerOf(name);
  await sql`create temporary table ${former} on commit drop as
    with rows as (
      select transaction, sequence, transaction::text::numeric % 4294967296 = xmin::text::numeric as own from ${log}
    ), placed as (
      select transaction, sequence, own and sequence > coalesce((select max(sequence) from rows where not own), 0) as written_here from rows
    )
    select transaction, sequence, written_here, row_number() over (order by written_here, transaction, sequence) as rank from placed`.execute(
    tx,
  );
  await sql`create unique index on ${former} (sequence)`.execute(tx);
  await sql`create index on ${former} (transaction, sequence)`.execute(tx);
  await sql`analyze ${former}`.execute(tx);
  // Numbers that were never given: none meets one that is still to be changed.
  await sql`alter table ${log} alter column sequence set generated by default`.execute(tx);
  const changed = await changedRows(
    tx,
    sql`update ${log} l set transaction = ${here}, sequence = ${baseOf(name)} + f.rank from ${former} f where f.sequence = l.sequence`,
  );
  await sql`alter table ${log} alter column sequence set generated always`.execute(tx);
  return changed;
}

/** The highest number that the log has ever given. */
const baseOf = (log: string) =>
  sql`greatest((select coalesce(max(sequence), 0) from ${formerOf(log)}), (select coalesce(last_value, 0) from pg_sequences
    where format('%I.%I', schemaname, sequencename)::regclass = pg_get_serial_sequence(${log}, 'sequence')::regclass))`;

function placeStatement(name: string, log: string): RawBuilder<unknown> {
  const former = formerOf(log);
  // Rows that were written here stand behind every place: no reader has passed them in order.
  const rank = sql`(select count(*) from ${former} f where not f.written_here and (f.transaction, f.sequence) <= (p.transaction, p.sequence))`;
  const place = sql`(select transaction, sequence, ${rank} as rank from ${sql.table(name)} p)`;
  // The rebase adds itself to the audit log, and to no other (runtime/import/rows.ts).
  const isBehindAll = log === logTable ? sql`n.rank >= (select count(*) from ${former})` : sql`false`;
  return sql`update ${sql.table(name)} t set
    sequence = case when n.rank = 0 or ${isBehindAll} then 0 else ${baseOf(log)} + n.rank end,
    transaction = case when n.rank = 0 then '0'::xid8 when ${isBehindAll} then (${here}::text::bigint + 1)::text::xid8 else ${here} end
    from ${place} n where n.transaction = t.transaction and n.sequence = t.sequence`;
}

async function changedRows(tx: Kysely<AnyTables>, statement: RawBuilder<unknown>): Promise<number> {
  const { numAffectedRows } = await statement.execute(tx);
  return Number(numAffectedRows ?? 0n);
}
