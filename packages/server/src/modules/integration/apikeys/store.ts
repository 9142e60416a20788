import { type RawBuilder, type Selectable, sql } from "kysely";
import type { Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { asRows } from "#platform/database/many-rows.ts";
import { deleteSome } from "#platform/database/prune.ts";
import { lockForQuota } from "#platform/database/quota-lock.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import type { OwnerKind, RateLimit, RevocationReason } from "./model.ts";
import { latencyBounds, type Usage, type UsageItem } from "./usage.ts";

interface ApiKeys {
  readonly id: string;
  readonly organization_id: string | null;
  readonly owner_kind: OwnerKind;
  readonly owner_id: string;
  readonly name: string;
  /** With `ghk_`. */
  readonly prefix: string;
  readonly secret_hash: string;
  readonly scopes: readonly string[];
  readonly allowed_networks: readonly string[] | null;
  readonly rate_limit: RateLimit | null;
  readonly operation_rate_limits: Readonly<Record<string, RateLimit>> | null;
  /** The id of the first key in a chain of rotations: the key of the rate limits. */
  readonly family_id: string;
  readonly successor_id: string | null;
  readonly expires_at: Date | null;
  readonly created_by_kind: OwnerKind | null;
  readonly created_by_id: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly last_used_at: Date | null;
  readonly revoked_at: Date | null;
  readonly revoked_reason: RevocationReason | null;
  readonly version: number;
}

interface Tables {
  readonly api_keys: ApiKeys;
}

export type ApiKeyRow = Selectable<ApiKeys>;
export type NewApiKeyRow = Omit<ApiKeys, "version" | "successor_id" | "updated_at" | "last_used_at" | "revoked_at" | "revoked_reason">;
type Changes = Pick<ApiKeys, "name" | "allowed_networks" | "rate_limit" | "operation_rate_limits">;

export interface KeySearch {
  readonly organizationId: string | null;
  readonly ownerId?: string | undefined;
  readonly prefix?: string | undefined;
  readonly after: string | undefined;
  readonly limit: number;
}

export interface UsageSearch {
  readonly keyId: string;
  readonly organizationId: string | null;
  readonly from: Date;
  readonly to: Date;
  /** Day, operation and status of the last row of the previous page. */
  readonly after: readonly string[] | undefined;
  readonly limit: number;
}

const histogramColumns = latencyBounds.map((bound) => `up_to_${bound}_ms`);

const json = (value: unknown): RawBuilder<never> => sql<never>`${value === null ? null : JSON.stringify(value)}::jsonb`;
const textArray = (values: readonly string[] | null): RawBuilder<never> => sql<never>`${values === null ? null : [...values]}::text[]`;

function reads(db: ReadHandle<Tables>) {
  return {
    byPrefix: (prefix: string): Promise<ApiKeyRow | undefined> =>
      db.selectFrom("api_keys").selectAll().where("prefix", "=", prefix).executeTakeFirst(),
    byId: (id: string): Promise<ApiKeyRow | undefined> => db.selectFrom("api_keys").selectAll().where("id", "=", id).executeTakeFirst(),
    /** Keys of a tenant in the order of their creation. */
    page({ organizationId, ownerId, prefix, after, limit }: KeySearch): Promise<ApiKeyRow[]> {
      let query = db.selectFrom("api_keys").selectAll().where(ofTenant(organizationId)).orderBy("id").limit(limit);
      if (ownerId !== undefined) query = query.where("owner_id", "=", ownerId);
      if (prefix !== undefined) query = query.where("prefix", "=", prefix);
      if (after !== undefined) query = query.where("id", ">", after);
      return query.execute();
    },
    /** Usage of a key, ordered by day, operation and status. */
    async usage({ keyId, organizationId, from, to, after, limit }: UsageSearch): Promise<readonly UsageItem[]> {
      const afterRow =
        after === undefined ? sql`true` : sql`(day, operation, status) > (${after[0]}::date, ${after[1]}, ${Number(after[2])}::smallint)`;
      const histogram = sql.join(histogramColumns.map((column) => sql`${sql.ref(column)}::float8`));
      const rows = await rowsOf(
        db as unknown as ReadHandle,
        sql<UsageRow>`select to_char(day, 'YYYY-MM-DD') as day, operation, status, calls::float8 as calls,
          latency_ms_sum::float8 as sum, latency_ms_max as max, array[${histogram}] as histogram from api_key_usage
          where api_key_id = ${keyId} and ${ofTenant(organizationId)}
            and day >= (${from}::timestamptz at time zone 'UTC')::date and day < ${firstDayAfter(to)} and ${afterRow}
          order by day, operation, status limit ${limit}`,
      );
      return rows.map(toUsageItem);
    },
  };
}

interface UsageRow {
  readonly day: string;
  readonly operation: string;
  readonly status: number;
  readonly calls: number;
  readonly sum: number;
  readonly max: number;
  readonly histogram: readonly number[];
}

/** A range that ends within a day includes that day. */
const firstDayAfter = (to: Date): RawBuilder<unknown> =>
  sql`(${to}::timestamptz at time zone 'UTC' + interval '1 day' - interval '1 microsecond')::date`;

const toUsageItem = ({ day, operation, status, calls, sum, max, histogram }: UsageRow): UsageItem => ({
  day,
  operation,
  status,
  calls,
  latency: {
    meanMs: Math.round((sum / calls) * 10) / 10,
    maxMs: max,
    histogram: latencyBounds.map((upToMs, index) => ({ upToMs, calls: histogram[index] ?? 0 })),
  },
});

function writes(tx: WriteHandle<Tables>) {
  return {
    /** Counts the keys of an owner in a scope under a lock: active ones, and all stored ones. */
    async keysForQuota(
      ownerId: string,
      organizationId: string | null,
      now: Date,
    ): Promise<{ readonly active: number; readonly all: number }> {
      await lockForQuota(tx, "api keys", ownerId);
      const isActive = sql`revoked_at is null and (expires_at is null or expires_at > ${now})`;
      const { rows } = await sql<{ active: number; all: number }>`
        select count(*) filter (where ${isActive})::int as active, count(*)::int as all from api_keys
        where owner_id = ${ownerId} and ${ofTenant(organizationId)}`.execute(tx);
      return rows[0] ?? { active: 0, all: 0 };
    },
    insert: (row: NewApiKeyRow): Promise<ApiKeyRow> =>
      tx
        .insertInto("api_keys")
        .values({
          ...row,
          scopes: textArray(row.scopes),
          allowed_networks: textArray(row.allowed_networks),
          rate_limit: json(row.rate_limit),
          operation_rate_limits: json(row.operation_rate_limits),
          updated_at: row.created_at,
        } as never)
        .returningAll()
        .executeTakeFirstOrThrow(),
    lock: (id: string): Promise<ApiKeyRow | undefined> =>
      tx.selectFrom("api_keys").selectAll().where("id", "=", id).forUpdate().executeTakeFirst(),
    update: (id: string, { name, allowed_networks, rate_limit, operation_rate_limits }: Changes, now: Date): Promise<ApiKeyRow> =>
      tx
        .updateTable("api_keys")
        .set({
          name,
          allowed_networks: textArray(allowed_networks),
          rate_limit: json(rate_limit),
          operation_rate_limits: json(operation_rate_limits),
          updated_at: now,
          version: sql`version + 1`,
        } as never)
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirstOrThrow(),
    /** Sets the successor and the expiry of a key; undefined where it has a successor or is not active. */
    replace: (id: string, successorId: string, until: Date, now: Date): Promise<ApiKeyRow | undefined> =>
      tx
        .updateTable("api_keys")
        .set({
          successor_id: successorId,
          expires_at: sql`least(expires_at, ${until}::timestamptz)`,
          updated_at: now,
          version: sql`version + 1`,
        } as never)
        .where("id", "=", id)
        .where("successor_id", "is", null)
        .where("revoked_at", "is", null)
        .where((where) => where.or([where("expires_at", "is", null), where("expires_at", ">", now)]))
        .returningAll()
        .executeTakeFirst(),
    /** Revokes a key; undefined where it is already revoked. */
    revoke: (id: string, reason: RevocationReason, now: Date): Promise<ApiKeyRow | undefined> =>
      tx
        .updateTable("api_keys")
        .set({ revoked_at: now, revoked_reason: reason, updated_at: now, version: sql`version + 1` } as never)
        .where("id", "=", id)
        .where("revoked_at", "is", null)
        .returningAll()
        .executeTakeFirst(),
    /** Revokes the keys of removed owners in the organization that were created before the removal. */
    async revokeOfRemoved(
      removed: readonly { readonly owner_id: string; readonly organization_id: string | null; readonly removed_at: string }[],
    ): Promise<void> {
      if (removed.length === 0) return;
      const given = asRows({ owner_id: "uuid", organization_id: "uuid", removed_at: "timestamptz" }, removed);
      await sql`update api_keys set revoked_at = now(), revoked_reason = 'owner_removed', updated_at = now(), version = version + 1
        where revoked_at is null and id = any(array(
          select found.id from ${given} cross join lateral (
            select id from api_keys where owner_id = given.owner_id and coalesce(organization_id = given.organization_id, organization_id is null and given.organization_id is null)
              and created_at <= given.removed_at offset 0) found))`.execute(tx);
    },
    async recordLastUses(used: readonly { readonly id: string; readonly at: Date }[]): Promise<void> {
      if (used.length === 0) return;
      await sql`update api_keys set last_used_at = greatest(last_used_at, given.at)
        from ${asRows({ id: "uuid", at: "timestamptz" }, used)} where api_keys.id = given.id`.execute(tx);
    },
    /** Adds calls to the stored usage. Calls of a deleted key are discarded. */
    async addUsage(usage: readonly Usage[]): Promise<void> {
      if (usage.length === 0) return;
      const counted = ["calls", "latency_ms_sum", ...histogramColumns];
      const rows = usage.map(({ keyId, day, operation, status, calls, latencyMsSum, latencyMsMax, latency }) => ({
        api_key_id: keyId,
        day,
        operation,
        status,
        calls,
        latency_ms_sum: Math.round(latencyMsSum),
        latency_ms_max: Math.ceil(latencyMsMax),
        ...Object.fromEntries(histogramColumns.map((column, index) => [column, latency[index] ?? 0])),
      }));
      const columns = ["operation", "status", "latency_ms_max", ...counted];
      const types = {
        api_key_id: "uuid",
        day: "text",
        operation: "text",
        status: "integer",
        latency_ms_max: "integer",
        ...Object.fromEntries(counted.map((column) => [column, "bigint" as const])),
      } as const;
      // In the order of the primary key, so that processes that add to the same rows do not deadlock.
      await sql`insert into api_key_usage (api_key_id, organization_id, day, ${sql.join(columns.map((column) => sql.ref(column)))})
        select api_keys.id, api_keys.organization_id, given.day::date, ${sql.join(columns.map((column) => sql.ref(`given.${column}`)))}
        from ${asRows(types, rows as never)} join api_keys on api_keys.id = given.api_key_id
        order by given.api_key_id, given.day, given.operation, given.status
        on conflict (api_key_id, day, operation, status) do update set
          latency_ms_max = greatest(api_key_usage.latency_ms_max, excluded.latency_ms_max),
          ${sql.join(counted.map((column) => sql`${sql.ref(column)} = ${sql.ref(`api_key_usage.${column}`)} + ${sql.ref(`excluded.${column}`)}`))}`.execute(
        tx,
      );
    },
    /** Deletes keys that were revoked or expired before `until`, with their remaining usage. */
    deleteInactive: async (until: Date, limit: number): Promise<number> => {
      const revoked = await deleteSome(tx, "api_keys", sql`revoked_at < ${until}`, limit);
      return revoked + (await deleteSome(tx, "api_keys", sql`expires_at < ${until}`, limit - revoked));
    },
    deleteUsage: (until: Date, limit: number): Promise<number> =>
      deleteSome(tx, "api_key_usage", sql`day < (${until}::timestamptz at time zone 'UTC')::date`, limit),
  };
}

export type ApiKeyReads = ReturnType<typeof reads>;
export const apiKeyStore: Store<ApiKeyReads, ReturnType<typeof writes>> = { reads, writes };
