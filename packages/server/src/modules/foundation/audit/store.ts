import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Store } from "#operation/declaration/module.ts";
import type { AnyTables, ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { insertMany } from "#platform/database/many-rows.ts";
import { firstRow } from "#platform/database/rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import type { Position } from "#platform/log/event.ts";
import { mayRemove } from "#platform/retention/ceiling.ts";
import { eraseDeadEntries, isNoDeadEntry, unresolvedEntries } from "./dead-entry-store.ts";
import { exportReads, exportWrites } from "./export-store.ts";
import type { PersonKeyRow } from "./person-keys.ts";
import type { RecordRow } from "./record.ts";
import { matching, type Search } from "./search.ts";
import type { Signed, SigningKeyRow, Total } from "./signing.ts";

export interface ChainRow extends Signed {
  readonly organization_id: string | null;
  readonly number: number;
  readonly hash: string;
}

export interface CheckpointRow extends ChainRow {
  readonly kind: "checkpoint" | "truncation";
}

export interface StoredRecord extends RecordRow {
  readonly position: string;
  /** Whether its times are finite and whole milliseconds. */
  readonly has_whole_times: boolean;
}

export interface UnrecordedRow {
  readonly transaction: string;
  readonly organization_id: string | null;
}

export interface PersonalRow {
  readonly record_id: string;
  readonly part: number;
  readonly organization_id: string | null;
  readonly number: number;
  readonly key_id: string;
  readonly ciphertext: string;
  /** Null once the person was erased, or if the key row is missing. */
  readonly encrypted_key: string | null;
  readonly is_erased: boolean;
}

const recordColumns = sql`position::text, organization_id, number::int8::text as number, previous_hash, hash, id, transaction::text, occurred_at,
  recorded_at, source, operation, action, category, severity, result, reason, actor_kind, actor_id, session_id, principal_kind, principal_id,
  credential_kind, credential_id, entity_type, entity_id, trace_id, request_id, stands_for, details, personal_hashes,
  isfinite(occurred_at) and isfinite(recorded_at) and occurred_at = date_trunc('milliseconds', occurred_at)
    and recorded_at = date_trunc('milliseconds', recorded_at) as has_whole_times`;

/** Converts the number from text: numbers of a chain stay far below 2^53. */
const numbered = <Row extends { readonly number: unknown }>(row: Row): Row => ({ ...row, number: Number(row.number) });

/**
 * The first entry that is not in a chain. Reads the position in a statement of its own: in a comparison with another table's row the
 * planner expects a third of the entries and reads all of them.
 */
async function firstPending(db: ReadHandle | WriteHandle): Promise<{ readonly transaction: string; readonly seconds: number } | undefined> {
  const progress = await firstRow(db, sql<Position>`select transaction::text, sequence::text from audit_progress`);
  if (progress === undefined) return undefined;
  return firstRow(
    db,
    sql<{ transaction: string; seconds: number }>`
    select e.transaction::text, extract(epoch from clock_timestamp() - e.occurred_at)::float8 as seconds from audit_entries e
    where (e.transaction, e.sequence) > (${progress.transaction}::xid8, ${progress.sequence}::bigint)
    order by e.transaction, e.sequence limit 1`,
  );
}

/** A transaction that writes may read as well. */
function reads(handle: ReadHandle | WriteHandle) {
  const db = handle as unknown as Kysely<AnyTables>;
  return {
    ...exportReads(db),
    /** Limits the rest of the transaction to one tenant's rows. */
    async within(organizationId: string | null): Promise<void> {
      await sql`select set_config('app.tenant', ${organizationId ?? "internal"}, true)`.execute(db);
    },
    async signingKeys(): Promise<readonly SigningKeyRow[]> {
      const { rows } = await sql<SigningKeyRow>`
        select id, public_key, encrypted_private_key from audit_signing_keys order by id`.execute(db);
      return rows;
    },
    async total(): Promise<(Total & Signed) | undefined> {
      const { rows } = await sql<Total & Signed>`
        select transaction::text, sequence::text, chains::text, records::text, key_id, signature, signed_at from audit_progress`.execute(
        db,
      );
      const row = rows[0];
      return row && { ...row, chains: Number(row.chains), records: Number(row.records) };
    },
    async chain(organizationId: string | null): Promise<ChainRow | undefined> {
      const { rows } = await sql<ChainRow>`
        select organization_id, number::text, hash, key_id, signature, signed_at from audit_chains
        where ${ofTenant(organizationId)}`.execute(db);
      return rows[0] && numbered(rows[0]);
    },
    /** Chains in the order of their organizations, the internal one last. */
    async chainsAfter(after: string | null | undefined, limit: number): Promise<readonly ChainRow[]> {
      const behind =
        after === undefined ? sql`true` : after === null ? sql`false` : sql`(organization_id > ${after} or organization_id is null)`;
      const { rows } = await sql<ChainRow>`
        select organization_id, number::text, hash, key_id, signature, signed_at from audit_chains
        where ${behind} order by organization_id nulls last limit ${limit}`.execute(db);
      return rows.map(numbered);
    },
    async sumOfChains(): Promise<{ readonly chains: number; readonly records: number }> {
      const { rows } = await sql<{ chains: string; records: string }>`
        select count(*)::text as chains, coalesce(sum(number), 0)::text as records from audit_chains`.execute(db);
      return { chains: Number(rows[0]?.chains), records: Number(rows[0]?.records) };
    },
    /** Chains that have records or checkpoints, but no head. */
    async headless(): Promise<readonly (string | null)[]> {
      const { rows } = await sql<{ organization_id: string | null }>`
        select distinct organization_id from (
          select distinct organization_id from audit_records union select organization_id from audit_checkpoints) found
        where (organization_id is null and not exists (select from audit_chains where organization_id is null))
          -- NOT IN an empty list is true for NULL as well.
          or (organization_id is not null
            and organization_id not in (select organization_id from audit_chains where organization_id is not null))`.execute(db);
      return rows.map((row) => row.organization_id);
    },
    async chainPage(organizationId: string | null, after: number, through: number, limit: number): Promise<readonly StoredRecord[]> {
      const { rows } = await sql<StoredRecord>`
        select ${recordColumns} from audit_records
        where ${ofTenant(organizationId)} and number > ${after} and number <= ${through}
        order by audit_records.number limit ${limit}`.execute(db);
      return rows.map(numbered);
    },
    async recordAt(organizationId: string | null, number: number): Promise<StoredRecord | undefined> {
      const { rows } = await sql<StoredRecord>`
        select ${recordColumns} from audit_records where ${ofTenant(organizationId)} and number = ${number}`.execute(db);
      return rows[0] && numbered(rows[0]);
    },
    /** The hashes of the records with these numbers; missing records are left out. */
    async hashesAt(organizationId: string | null, ofNumbers: readonly number[]): Promise<ReadonlyMap<number, string>> {
      const { rows } = await sql<{ number: string; hash: string }>`
        select number::text, hash from audit_records
        where ${ofTenant(organizationId)} and number = any(${ofNumbers}::bigint[])`.execute(db);
      return new Map(rows.map(({ number, hash }) => [Number(number), hash]));
    },
    /** The lowest and the highest number of a chain; undefined where it has no record. */
    async span(organizationId: string | null): Promise<{ readonly lowest: number; readonly highest: number } | undefined> {
      const { rows } = await sql<{ lowest: string | null; highest: string | null }>`
        select (select number::text from audit_records where ${ofTenant(organizationId)} order by audit_records.number limit 1) as lowest,
          (select number::text from audit_records where ${ofTenant(organizationId)} order by audit_records.number desc limit 1) as highest`.execute(
        db,
      );
      const { lowest = null, highest = null } = rows[0] ?? {};
      return lowest === null ? undefined : { lowest: Number(lowest), highest: Number(highest) };
    },
    /** Checkpoints and truncations with numbers above `after` and up to `through`; null is no bound. */
    async statements(organizationId: string | null, after: number | null, through: number | null): Promise<readonly CheckpointRow[]> {
      const above = after === null ? sql`true` : sql`number > ${after}`;
      const upTo = through === null ? sql`true` : sql`number <= ${through}`;
      const { rows } = await sql<CheckpointRow>`
        select organization_id, kind, number::text, hash, key_id, signature, signed_at from audit_checkpoints
        where ${ofTenant(organizationId)} and ${above} and ${upTo} order by audit_checkpoints.number`.execute(db);
      return rows.map(numbered);
    },
    async truncation(organizationId: string | null): Promise<CheckpointRow | undefined> {
      const { rows } = await sql<CheckpointRow>`
        select organization_id, kind, number::text, hash, key_id, signature, signed_at from audit_checkpoints
        where ${ofTenant(organizationId)} and kind = 'truncation' order by audit_checkpoints.number desc limit 1`.execute(db);
      return rows[0] && numbered(rows[0]);
    },
    /** Transactions with events of commands, but without a record or a pending entry: their entries were deleted before they were chained. */
    async unrecorded(types: readonly string[], since: Date, limit: number): Promise<readonly UnrecordedRow[]> {
      const { rows } = await sql<UnrecordedRow>`
        select distinct transaction::text, organization_id from events e
        where e.occurred_at >= ${since} and not e.type = any(${types}::text[])
          and not exists (select from audit_records r where r.transaction = e.transaction)
          and not exists (select from audit_entries a, audit_progress p
            where a.transaction = e.transaction and (a.transaction, a.sequence) > (p.transaction, p.sequence))
        limit ${limit}`.execute(db);
      return rows;
    },
    unresolvedEntries: (resolvedBy: { readonly drop: string; readonly erase: string }, limit: number) =>
      unresolvedEntries(handle, resolvedBy, limit),
    /** Person keys that were destroyed since `since`, without a record or a pending entry of an erasure that names them. */
    async destroyedWithoutRecord(erasure: string, since: Date, limit: number): Promise<readonly string[]> {
      const { rows } = await sql<{ id: string }>`
        with recorded as materialized (
          select jsonb_array_elements_text(coalesce(details->'after'->'keys', '[]')) as id from (
            select details::jsonb as details from audit_records
            where operation = ${erasure} and result = 'success' and organization_id is null and source = 'gatehouse'
            union all
            select jsonb_build_object('after', after) from audit_entries where operation = ${erasure} and result = 'success') erasures)
        select id from audit_person_keys where erased_at >= ${since} and id::text not in (select id from recorded)
        order by audit_person_keys.id limit ${limit}`.execute(db);
      return rows.map(({ id }) => id);
    },
    async personalOf(recordIds: readonly string[]): Promise<readonly PersonalRow[]> {
      if (recordIds.length === 0) return [];
      const { rows } = await sql<PersonalRow>`
        select p.record_id, p.part, p.organization_id, p.number::text, p.key_id, p.ciphertext, k.encrypted_key,
          coalesce(k.erased_at is not null, false) as is_erased from audit_personal p
        left join audit_person_keys k on k.id = p.key_id
        where p.record_id = any(${recordIds}::uuid[]) order by p.record_id, p.part`.execute(db);
      return rows.map(numbered);
    },
    async recordsById(ids: readonly string[]): Promise<readonly StoredRecord[]> {
      if (ids.length === 0) return [];
      const { rows } = await sql<StoredRecord>`select ${recordColumns} from audit_records where id = any(${ids}::uuid[])`.execute(db);
      return rows.map(numbered);
    },
    async page(search: Search, before: string | undefined, limit: number): Promise<readonly StoredRecord[]> {
      const { rows } = await sql<StoredRecord>`
        select ${recordColumns} from audit_records
        where ${matching(search)} and ${before === undefined ? sql`true` : sql`position < ${before}::bigint`}
        order by audit_records.position desc limit ${limit}`.execute(db);
      return rows.map(numbered);
    },
    /** Records in the order in which they were appended, for exports. */
    async pageUpward(search: Search, after: string, through: string, limit: number): Promise<readonly StoredRecord[]> {
      const { rows } = await sql<StoredRecord>`
        select ${recordColumns} from audit_records
        where ${matching(search)} and position > ${after}::bigint and position <= ${through}::bigint
        order by audit_records.position limit ${limit}`.execute(db);
      return rows.map(numbered);
    },
    async count(search: Search): Promise<{ readonly total: number; readonly last: string }> {
      const { rows } = await sql<{ total: string; last: string }>`
        select count(*)::text as total, coalesce(max(position), 0)::text as last from audit_records where ${matching(search)}`.execute(db);
      return { total: Number(rows[0]?.total), last: rows[0]?.last ?? "0" };
    },
    /** The first transaction with an entry that waits for its chain. */
    async firstPending(): Promise<string | undefined> {
      return (await firstPending(handle))?.transaction;
    },
    /** How long the next entry has waited for its chain; 0 if none waits. */
    async secondsPending(): Promise<number> {
      return Math.max(0, (await firstPending(handle))?.seconds ?? 0);
    },
    async secondsSinceAppended(): Promise<number> {
      const { rows } = await sql<{ seconds: string | null }>`
        select extract(epoch from clock_timestamp() - signed_at)::text as seconds from audit_progress`.execute(db);
      return Number(rows[0]?.seconds ?? Number.POSITIVE_INFINITY);
    },
    async personKeys(people: readonly string[]): Promise<readonly PersonKeyRow[]> {
      const { rows } = await sql<PersonKeyRow>`
        select id, person, encrypted_key from audit_person_keys
        where person = any(${people}::text[]) and erased_at is null`.execute(db);
      return rows;
    },
  };
}

function writes(tx: WriteHandle) {
  return {
    ...exportWrites(tx),
    async insertSigningKey(row: SigningKeyRow, now: Date): Promise<void> {
      await sql`insert into audit_signing_keys (id, public_key, encrypted_private_key, created_at)
        values (${row.id}, ${row.public_key}, ${row.encrypted_private_key}, ${now})`.execute(tx);
    },
    /** Leaves the existing row if another transaction was first. */
    async insertPersonKeys(rows: readonly PersonKeyRow[], now: Date): Promise<void> {
      const columns = { id: "uuid", person: "text", encrypted_key: "text", created_at: "timestamptz" } as const;
      const keys = rows.map((row) => ({ ...row, created_at: now }));
      await insertMany(tx, "audit_person_keys", columns, keys, sql`on conflict (person) where erased_at is null do nothing`);
    },
    /**
     * Destroys the keys of people and returns their ids. Adds for each person a row without a key, so that older entries that are appended
     * later are erased as well.
     */
    async erase(
      people: readonly string[],
      now: Date,
    ): Promise<{ readonly destroyed: readonly string[]; readonly neverMade: readonly string[] }> {
      const { rows: destroyed } = await sql<{ id: string }>`update audit_person_keys set encrypted_key = null, erased_at = ${now}
        where person = any(${people}::text[]) and erased_at is null returning id`.execute(tx);
      const { rows: neverMade } = await sql<{ id: string }>`insert into audit_person_keys (id, person, encrypted_key, created_at, erased_at)
        select gen_random_uuid(), person, null, ${now}, ${now} from unnest(${people}::text[]) person returning id`.execute(tx);
      return { destroyed: destroyed.map(({ id }) => id), neverMade: neverMade.map(({ id }) => id) };
    },
    async insertCheckpoint(id: string, row: CheckpointRow): Promise<void> {
      await sql`insert into audit_checkpoints (id, organization_id, kind, number, hash, key_id, signature, signed_at)
        values (${id}, ${row.organization_id}, ${row.kind}, ${row.number}, ${row.hash}, ${row.key_id}, ${row.signature}, ${row.signed_at})`.execute(
        tx,
      );
    },
    /**
     * The heads of chains that have grown since their last checkpoint, the longest without one first. Reads the internal chain separately,
     * because no index finds NULL by equality.
     */
    async headsWithoutCheckpoint(limit: number): Promise<readonly ChainRow[]> {
      const lastOf = (ofChain: RawBuilder<unknown>) => sql`left join lateral (select k.number, k.signed_at from audit_checkpoints k
        where ${ofChain} and k.kind = 'checkpoint' order by k.number desc limit 1) last on true`;
      const { rows } = await sql<ChainRow>`
        select organization_id, number::text, hash, key_id, signature, signed_at from (
          select c.*, last.signed_at as last_at from audit_chains c ${lastOf(sql`k.organization_id = c.organization_id`)}
          where c.organization_id is not null and (last.number is null or last.number <> c.number)
          union all
          select c.*, last.signed_at as last_at from audit_chains c ${lastOf(sql`k.organization_id is null`)}
          where c.organization_id is null and (last.number is null or last.number <> c.number)
        ) moved order by last_at nulls first limit ${limit}`.execute(tx);
      return rows.map(numbered);
    },
    /**
     * For each chain with records from before `cutoff`: the newest among the oldest `limit` of them. Reads the internal chain separately,
     * because no index finds NULL by equality.
     */
    async oldest(cutoff: Date, limit: number): Promise<readonly OldRecords[]> {
      const { rows } = await sql<OldRecords>`
        select r.organization_id, r.number::text, r.hash, (r.number - first.number + 1)::int as count from audit_chains c
        cross join lateral (select number, recorded_at from audit_records
          where organization_id = c.organization_id order by audit_records.number limit 1) first
        cross join lateral (select organization_id, number, hash from audit_records
          where organization_id = c.organization_id and audit_records.number < first.number + ${limit} and recorded_at < ${cutoff}
          order by audit_records.number desc limit 1) r
        where first.recorded_at < ${cutoff}
        union all (
        select r.organization_id, r.number::text, r.hash, (r.number - first.number + 1)::int as count from (select number, recorded_at from audit_records
          where organization_id is null order by audit_records.number limit 1) first
        cross join lateral (select organization_id, number, hash from audit_records
          where organization_id is null and audit_records.number < first.number + ${limit} and recorded_at < ${cutoff}
          order by audit_records.number desc limit 1) r
        where first.recorded_at < ${cutoff})`.execute(tx);
      return rows.map(numbered);
    },
    mayRemoveRecords: (due: number): Promise<boolean> => mayRemove(tx, { name: "audit.records", due, table: "audit_records" }),
    /** Removes the records up to a number and returns how many. */
    async removeThrough(organizationId: string | null, number: number): Promise<number> {
      await sql`delete from audit_personal where ${ofTenant(organizationId)} and number <= ${number}`.execute(tx);
      const removed = await sql`delete from audit_records where ${ofTenant(organizationId)} and number <= ${number}`.execute(tx);
      return Number(removed.numAffectedRows);
    },
    /**
     * Removes at most `limit` appended entries with their personal data and returns how many. A dead-lettered entry stays: no record has
     * its content.
     */
    async removeAppendedEntries(before: Date, limit: number): Promise<number> {
      const removed = await sql`delete from audit_entries where id = any(array(
        select e.id from audit_entries e, audit_progress p
        where (e.transaction, e.sequence) <= (p.transaction, p.sequence) and e.occurred_at < ${before} and ${isNoDeadEntry}
        order by e.transaction, e.sequence limit ${limit}))`.execute(tx);
      return Number(removed.numAffectedRows);
    },
    eraseDeadEntries: (people: { readonly ids: readonly string[]; readonly addresses: readonly string[] }) =>
      eraseDeadEntries(tx as unknown as WriteHandle, people),
  };
}

/** The newest of a chain's records past their retention, and how many are removed with it. */
interface OldRecords extends Pick<RecordRow, "organization_id" | "number" | "hash"> {
  readonly count: number;
}

export type AuditReads = ReturnType<typeof reads>;
export type AuditWrites = ReturnType<typeof writes>;
export const auditStore = { reads, writes } satisfies Store<AuditReads, AuditWrites>;
