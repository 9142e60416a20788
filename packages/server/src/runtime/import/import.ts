import { type Kysely, sql } from "kysely";
import type { Logger } from "pino";
import { continueAuditLog, isAuditLogSigned } from "#modules/foundation/audit/index.ts";
import type { AnyTables, Database, WriteHandle } from "#platform/database/database.ts";
import { refuseOtherEngine } from "#platform/database/engine.ts";
import { pgBossJobs } from "#platform/jobs/pg-boss.ts";
import type { KeyRing } from "#platform/keys/keys.ts";
import { queueNames, queues } from "../modules.ts";
import { type DatabaseAddresses, prepareDatabase } from "../prepare-database.ts";
import { readSequences, readSteps, readTables, type Table } from "./catalogue.ts";
import { moveJobs, waitingJobs } from "./jobs.ts";
import { refuseForeignKey } from "./master-key.ts";
import { inOrderOfReference } from "./order.ts";
import { meaningOf } from "./positions.ts";
import { ImportRefused } from "./refused.ts";
import { copyRows, type Digest, digestOf, sameTextFormats } from "./rows.ts";
import { deleteSeed } from "./seeds.ts";
import { raiseSequences } from "./sequences.ts";
import type { Source } from "./source.ts";

/** A table in the source and in the target. */
export interface Verified {
  readonly table: string;
  readonly source: Digest;
  readonly target: Digest;
}

export interface ImportReport {
  readonly tables: readonly Verified[];
  readonly jobs: number;
  /** Number of encrypted values that were decrypted with the target's key, to prove that it is the right one. */
  readonly encryptedValues: number;
  readonly seconds: number;
}

/**
 * Moves a whole installation into an empty PostgreSQL, in one transaction of the target: a run that fails or is killed leaves it
 * empty. Compares every table on both ends before the commit. Throws {@link ImportRefused} with the remedy.
 */
export async function importInstallation(
  source: Source,
  target: { readonly database: Database; readonly configuration: DatabaseAddresses; readonly keys: KeyRing; readonly logger: Logger },
  report: (line: string) => void = () => {},
): Promise<ImportReport> {
  const began = performance.now();
  await refuseOtherEngine(target.configuration.databaseUrl as string, target.configuration.databaseSchema);
  await refuseForeignTables(source.database, target.database.owner);
  await prepareDatabase(target.database, target.configuration, target.logger);
  await refuseOtherSchema(source.database, target.database.owner);
  const { tables, deferred } = inOrderOfReference(await readTables(target.database.owner));
  for (const table of tables) meaningOf(table);
  const { databaseUrl: url, databaseDirectUrl: directUrl, databaseSchema: schema } = target.configuration;
  const jobs = await pgBossJobs(target.database, queues, target.logger, { url, directUrl, schema, works: false });
  try {
    return await inSnapshot(source.database, async (from) => {
      const encryptedValues = await refuseForeignKey(from, source.masterKey, target.keys);
      await refuseForgedAuditLog(from);
      return target.database.owner.transaction().execute(async (tx) => {
        await sameTextFormats.execute(tx);
        await sql`lock table ${sql.join(tables.map(({ name }) => sql.table(name)))} in exclusive mode`.execute(tx);
        await refuseUnlessEmpty(tx, tables);
        for (const { table, key } of deferred) await defer(tx, table, key.name);
        for (const table of tables) report(await copied(from, tx, table));
        await sql`set constraints all immediate`.execute(tx);
        for (const { table, key } of deferred.filter(({ key }) => !key.deferrable)) {
          await sql`alter table ${sql.table(table)} alter constraint ${sql.ref(key.name)} not deferrable`.execute(tx);
        }
        await continueSequences(from, tx, tables);
        const moved = await moveJobs(from, tx as WriteHandle, jobs, queueNames);
        const verified = await compared(from, tx, tables);
        await continueAuditLog(tx as WriteHandle, target.keys, new Date(), "installation.import");
        return { tables: verified, jobs: moved, encryptedValues, seconds: (performance.now() - began) / 1_000 };
      });
    });
  } finally {
    await jobs.close();
  }
}

/** Reads from one snapshot, and changes nothing. */
const inSnapshot = <T>(db: Kysely<AnyTables>, work: (from: Kysely<AnyTables>) => Promise<T>): Promise<T> =>
  db.transaction().execute(async (tx) => {
    await sql`set transaction isolation level repeatable read, read only`.execute(tx);
    await sameTextFormats.execute(tx);
    return work(tx);
  });

/** Runs before anything is created in the target: tables of other programs are neither moved nor compared. */
async function refuseForeignTables(source: Kysely<AnyTables>, target: Kysely<AnyTables>): Promise<void> {
  const ours = new Set((await readTables(source)).map(({ name }) => name));
  const others = (await readTables(target)).map(({ name }) => name).filter((name) => !ours.has(name));
  if (others.length === 0) return;
  throw new ImportRefused(
    `The database of DATABASE_URL has tables that the source lacks (${others.join(", ")}). An import needs a database without other tables.`,
  );
}

async function refuseOtherSchema(source: Kysely<AnyTables>, target: Kysely<AnyTables>): Promise<void> {
  const [here, there] = [await readSteps(source), await readSteps(target)];
  const missing = there.filter((name) => !here.includes(name));
  const further = here.filter((name) => !there.includes(name));
  if (missing.length > 0) {
    throw new ImportRefused(`The source's schema is older (${missing.join(", ")}). Run \`gatehouse migrate\` of this release on it first.`);
  }
  if (further.length > 0) throw new ImportRefused(`The source's schema is newer (${further.join(", ")}). Import with its release.`);
}

/** The target signs the number of records again, so an invalid signature must be refused first. */
async function refuseForgedAuditLog(from: Kysely<AnyTables>): Promise<void> {
  if (await isAuditLogSigned(from as never)) return;
  throw new ImportRefused("The audit log's number of records does not match its signature. Run `gatehouse audit verify` on the source.");
}

async function refuseUnlessEmpty(tx: Kysely<AnyTables>, tables: readonly Table[]): Promise<void> {
  const filled: string[] = [];
  for (const { name } of tables) {
    await deleteSeed(tx, name);
    const { rows } = await sql<{ any: boolean }>`select exists (select from ${sql.table(name)}) as any`.execute(tx);
    if (rows[0]?.any) filled.push(name);
  }
  if ((await waitingJobs(tx, queueNames)) > 0) filled.push("jobs");
  if (filled.length === 0) return;
  throw new ImportRefused(
    `The database of DATABASE_URL is not empty (${filled.join(", ")}). An import needs a new database on which no server was started.`,
  );
}

const defer = (tx: Kysely<AnyTables>, table: string, name: string) =>
  sql`alter table ${sql.table(table)} alter constraint ${sql.ref(name)} deferrable initially deferred`.execute(tx);

/** Copies a table with its triggers disabled: they validate new writes, and these rows exist already. */
async function copied(from: Kysely<AnyTables>, tx: Kysely<AnyTables>, table: Table): Promise<string> {
  const began = performance.now();
  const switchTriggers = async (how: "disable" | "enable") => {
    for (const name of table.triggers) await sql`alter table ${sql.table(table.name)} ${sql.raw(how)} trigger ${sql.ref(name)}`.execute(tx);
  };
  await switchTriggers("disable");
  const rows = await copyRows(from, tx as WriteHandle, table);
  await switchTriggers("enable");
  const seconds = (performance.now() - began) / 1_000;
  return `${table.name}: ${rows} rows, ${Math.round(rows / Math.max(seconds, 0.001))} a second`;
}

/** Sets the next number of each sequence above those used in the source and those imported. */
async function continueSequences(from: Kysely<AnyTables>, tx: Kysely<AnyTables>, tables: readonly Table[]): Promise<void> {
  for (const [name, last] of await readSequences(from)) {
    if (last !== null) await sql`select setval(${name}::regclass, ${last}::bigint)`.execute(tx);
  }
  await raiseSequences(tx, tables);
}

async function compared(from: Kysely<AnyTables>, tx: Kysely<AnyTables>, tables: readonly Table[]): Promise<readonly Verified[]> {
  const verified: Verified[] = [];
  for (const table of tables) {
    const [source, target] = await Promise.all([digestOf(from, table), digestOf(tx, table)]);
    verified.push({ table: table.name, source, target });
  }
  const different = verified.filter(({ source, target }) => source.rows !== target.rows || source.digest !== target.digest);
  if (different.length === 0) return verified;
  throw new ImportRefused(`Not the same on both ends: ${different.map(({ table }) => table).join(", ")}. Nothing was imported.`);
}
