import { type Kysely, type RawBuilder, sql } from "kysely";
import { continueAuditLog, isAuditLogSigned } from "#modules/foundation/audit/index.ts";
import type { AnyTables, Database, WriteHandle } from "#platform/database/database.ts";
import type { Keys } from "#platform/keys/keys.ts";
import { StartRefused } from "#platform/start-refused.ts";
import { readTables, type Table } from "../import/catalogue.ts";
import { logTable, type Meaning, meaningOf } from "../import/positions.ts";
import { sameTextFormats } from "../import/rows.ts";
import { raiseSequences } from "../import/sequences.ts";
import { findMoved, isMoved } from "./moved.ts";

export interface RebaseReport {
  /** False where the positions belonged to this cluster, and nothing was changed. */
  readonly wasMoved: boolean;
  /** Number of rows with a new position or revision, by table. */
  readonly rows: ReadonlyMap<string, number>;
}

/** The transaction of the rebase, which every revision and position refers to afterwards. */
const here = sql`pg_current_xact_id()`;

/**
 * Gives a database from another cluster positions of this one, by the rules of the import (runtime/import/positions.ts). Each log
 * becomes one transaction in its original order, and each position comes after the same row. Runs in one transaction: a run that fails
 * or is killed changes nothing. Throws {@link StartRefused} where a server is connected or the audit log's signature is invalid.
 */
export async function rebase(database: Database, keys: Keys, now: Date, report: (line: string) => void = () => {}): Promise<RebaseReport> {
  const tables = await readTables(database.owner);
  const meanings = new Map(tables.map((table) => [table, meaningOf(table)]));
  await refuseWhileInUse(database.owner);
  return database.owner.transaction().execute(async (tx) => {
    await sameTextFormats.execute(tx);
    await sql`lock table ${sql.join(tables.map(({ name }) => sql.table(name)))} in access exclusive mode`.execute(tx);
    if (!isMoved(await findMoved(tx))) return { wasMoved: false, rows: new Map() };
    if (!(await isAuditLogSigned(tx as never))) {
      throw new StartRefused("The audit log's number of records does not match its signature. Run `gatehouse audit verify`.");
    }
    const rows = new Map<string, number>();
    // A position is computed from the former rows of its log, so the logs come first and their former rows are stored.
    const order: readonly Meaning["kind"][] = ["log", "position", "revision"];
    for (const kind of order) {
      for (const [table, meaning] of meanings) {
        if (meaning.kind !== kind) continue;
        const changed = await withoutTriggers(tx, table, () => rebased(tx, table, meaning));
        if (changed > 0) report(`${table.name}: ${changed} rows`);
        rows.set(table.name, changed);
      }
    }
    await raiseSequences(tx, tables);
    // The next start creates a new Redis snapshot, because the old one has positions of the former cluster.
    await sql`update projection_watermarks set lineage = null`.execute(tx);
    await continueAuditLog(tx as WriteHandle, keys, now, "installation.rebase");
    return { wasMoved: true, rows };
  });
}

/** A closed connection leaves the server's list with a delay. */
const disconnectMs = 3_000;
const checkEveryMs = 100;

/** Writes of a server would wait for the rebase and then get positions before older rows. */
async function refuseWhileInUse(db: Kysely<AnyTables>): Promise<void> {
  for (const deadline = performance.now() + disconnectMs; ; ) {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
      where datname = current_database() and application_name like 'gatehouse%' and pid <> pg_backend_pid()`.execute(db);
    if (rows[0]?.count === 0) return;
    if (performance.now() > deadline)
      throw new StartRefused("A server is connected to the database. Stop every server, then run this again.");
    await new Promise((resolve) => setTimeout(resolve, checkEveryMs));
  }
}

/** Runs `work` with the table's triggers disabled: they validate new writes, and these rows exist already. */
async function withoutTriggers<T>(tx: Kysely<AnyTables>, { name, triggers }: Table, work: () => Promise<T>): Promise<T> {
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
    case "position":
      return changedRows(tx, positionStatement(table.name, meaning.log));
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
 * A server that was started on the moved database may have written rows here. Such a row is recognized by its own transaction (`xmin`) and
 * by a number above all moved rows. It comes after them, whatever its transaction id is.
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
  // Uses numbers that were never assigned, so that none collides with a row that is still to be changed.
  await sql`alter table ${log} alter column sequence set generated by default`.execute(tx);
  const changed = await changedRows(
    tx,
    sql`update ${log} l set transaction = ${here}, sequence = ${baseOf(name)} + f.rank from ${former} f where f.sequence = l.sequence`,
  );
  await sql`alter table ${log} alter column sequence set generated always`.execute(tx);
  return changed;
}

/** The highest number that the log has ever assigned. */
const baseOf = (log: string) =>
  sql`greatest((select coalesce(max(sequence), 0) from ${formerOf(log)}), (select coalesce(last_value, 0) from pg_sequences
    where format('%I.%I', schemaname, sequencename)::regclass = pg_get_serial_sequence(${log}, 'sequence')::regclass))`;

function positionStatement(name: string, log: string): RawBuilder<unknown> {
  const former = formerOf(log);
  // Rows that were written here come after every position: no reader has passed them in order.
  const rank = sql`(select count(*) from ${former} f where not f.written_here and (f.transaction, f.sequence) <= (p.transaction, p.sequence))`;
  const formerPosition = sql`(select transaction, sequence, ${rank} as rank from ${sql.table(name)} p)`;
  // The rebase appends to the audit log, and to no other log (runtime/import/rows.ts).
  const isAtEnd = log === logTable ? sql`n.rank >= (select count(*) from ${former})` : sql`false`;
  return sql`update ${sql.table(name)} t set
    sequence = case when n.rank = 0 or ${isAtEnd} then 0 else ${baseOf(log)} + n.rank end,
    transaction = case when n.rank = 0 then '0'::xid8 when ${isAtEnd} then (${here}::text::bigint + 1)::text::xid8 else ${here} end
    from ${formerPosition} n where n.transaction = t.transaction and n.sequence = t.sequence`;
}

async function changedRows(tx: Kysely<AnyTables>, statement: RawBuilder<unknown>): Promise<number> {
  const { numAffectedRows } = await statement.execute(tx);
  return Number(numAffectedRows ?? 0n);
}
