import { sql } from "kysely";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { anyOf } from "#platform/database/many-rows.ts";
import { grouped } from "./grouped.ts";

export interface ServiceTables {
  readonly access_services: { readonly service_id: string; readonly organization_id: string | null; readonly status: string };
}

/** A removed service account, with the roles that it held. */
export interface RemovedService {
  readonly serviceId: string;
  readonly roleIds: readonly string[];
}

export const serviceReads = (db: ReadHandle<ServiceTables>) => ({
  /** The ids among `ids` that are service accounts. */
  async servicesAmong(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const rows = await db.selectFrom("access_services").select("service_id").where("service_id", "=", anyOf(ids, "uuid")).execute();
    return new Set(rows.map(({ service_id }) => service_id));
  },
});

export const serviceWrites = (tx: WriteHandle<ServiceTables>) => ({
  async setServiceStatus(serviceId: string, organizationId: string | null, status: string): Promise<void> {
    await tx
      .insertInto("access_services")
      .values({ service_id: serviceId, organization_id: organizationId, status })
      .onConflict((conflict) => conflict.column("service_id").doUpdateSet({ status }))
      .execute();
  },
  async removeService(serviceId: string): Promise<void> {
    await tx.deleteFrom("access_services").where("service_id", "=", serviceId).execute();
  },
  /** Removes at most `limit` service accounts of an organization with their roles. */
  async removeServices(organizationId: string, limit: number): Promise<readonly RemovedService[]> {
    const { rows: removed } = await sql<{ service_id: string }>`delete from access_services where service_id in (
      select service_id from access_services where organization_id = ${organizationId}::uuid limit ${limit}) returning service_id`.execute(
      tx,
    );
    const ids = removed.map(({ service_id }) => service_id);
    const { rows } = await sql<{ user_id: string; role_id: string }>`delete from role_assignments
      where organization_id = ${organizationId}::uuid and user_id = ${anyOf(ids, "uuid")} returning user_id, role_id`.execute(tx);
    const held = grouped(rows.map((row) => [row.user_id, row.role_id]));
    return ids.map((serviceId) => ({ serviceId, roleIds: held.get(serviceId) ?? [] }));
  },
});
