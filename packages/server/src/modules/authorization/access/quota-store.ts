import { sql } from "kysely";
import { LRUCache } from "lru-cache";
import type { WriteHandle } from "#platform/database/database.ts";
import { lockForQuota } from "#platform/database/quota-lock.ts";

/** With so much room left, an organization's grants are not counted again for a while, and are made side by side. */
const roomForAWhile = 5_000;
const whileMs = 10_000;
const farFromQuota = new LRUCache<string, true>({ max: 10_000, ttl: whileMs });

/** What an organization has of something, counted under a lock where the next one could be one too many. */
export const quotaWrites = (tx: WriteHandle) => ({
  /** Its own roles; the product's do not count. */
  async rolesForQuota(organizationId: string): Promise<number> {
    await lockForQuota(tx, "roles", organizationId);
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from roles
      where organization_id = ${organizationId} and not is_system_role`.execute(tx);
    return rows[0]?.count ?? 0;
  },
  /** Counts to `limit` at most: of a large organization's grants more need not be read. */
  async grantsForQuota(organizationId: string, limit: number): Promise<number> {
    if (farFromQuota.has(organizationId)) return 0;
    const count = async (): Promise<number> => {
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from (
        select from relationships where organization_id = ${organizationId} limit ${limit}) counted`.execute(tx);
      return rows[0]?.count ?? 0;
    };
    const found = await count();
    if (limit - found > roomForAWhile) {
      farFromQuota.set(organizationId, true);
      return found;
    }
    await lockForQuota(tx, "grants", organizationId);
    return count();
  },
  /** Bytes of all attributes in the organization but those of one subject, which are about to be replaced. */
  async otherAttributeBytes(organizationId: string, userId: string | null): Promise<number> {
    await lockForQuota(tx, "attributes", organizationId);
    const isOther = userId === null ? sql`user_id is not null` : sql`(user_id is null or user_id <> ${userId})`;
    const { rows } = await sql<{ bytes: string }>`select coalesce(sum(bytes) filter (where ${isOther}), 0)::text as bytes
      from access_attributes where organization_id = ${organizationId}`.execute(tx);
    return Number(rows[0]?.bytes ?? 0);
  },
});
