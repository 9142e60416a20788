import { sql } from "kysely";
import { LRUCache } from "lru-cache";
import type { WriteHandle } from "#platform/database/database.ts";
import { lockForQuota } from "#platform/database/quota-lock.ts";

/** An organization with this many grants left in its quota is not counted again for a while, and creates grants without the lock. */
const uncountedRoomMin = 5_000;
const uncountedMs = 10_000;
const farFromQuota = new LRUCache<string, true>({ max: 10_000, ttl: uncountedMs });

/** Counts what an organization has against its quotas, under a lock if the next one could exceed them. */
export const quotaWrites = (tx: WriteHandle) => ({
  /** Counts its custom roles. */
  async rolesForQuota(organizationId: string): Promise<number> {
    await lockForQuota(tx, "roles", organizationId);
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from roles
      where organization_id = ${organizationId} and not is_system_role`.execute(tx);
    return rows[0]?.count ?? 0;
  },
  /** Counts its grants up to `limit`, so that a large organization is not read further. */
  async grantsForQuota(organizationId: string, limit: number): Promise<number> {
    if (farFromQuota.has(organizationId)) return 0;
    const count = async (): Promise<number> => {
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from (
        select from relationships where organization_id = ${organizationId} limit ${limit}) counted`.execute(tx);
      return rows[0]?.count ?? 0;
    };
    const found = await count();
    if (limit - found > uncountedRoomMin) {
      farFromQuota.set(organizationId, true);
      return found;
    }
    await lockForQuota(tx, "grants", organizationId);
    return count();
  },
  /** Bytes of all attributes in the organization, except those of one subject, which are about to be replaced. */
  async otherAttributeBytes(organizationId: string, userId: string | null): Promise<number> {
    await lockForQuota(tx, "attributes", organizationId);
    const isOther = userId === null ? sql`user_id is not null` : sql`(user_id is null or user_id <> ${userId})`;
    const { rows } = await sql<{ bytes: string }>`select coalesce(sum(bytes) filter (where ${isOther}), 0)::text as bytes
      from access_attributes where organization_id = ${organizationId}`.execute(tx);
    return Number(rows[0]?.bytes ?? 0);
  },
});
