import type { access } from "#modules/authorization/access/index.ts";
import type { ReadApisOf } from "#operation/declaration/module.ts";
import type { ServiceAccount } from "./model.ts";
import type { ServiceAccountRow } from "./store.ts";

type AccessApi = ReadApisOf<{ readonly access: typeof access }>["access"];

/** Service accounts of one scope with the names of their roles. */
export async function represent(
  accessApi: AccessApi,
  organizationId: string | null,
  rows: readonly ServiceAccountRow[],
): Promise<ServiceAccount[]> {
  const held = await accessApi.rolesOf(
    rows.map(({ id }) => id),
    organizationId,
  );
  const roles = new Map((await accessApi.rolesByIds([...new Set([...held.values()].flat())])).map((role) => [role.id, role]));
  return rows.map((row) => ({
    id: row.id,
    organizationId: row.organization_id,
    name: row.name,
    description: row.description,
    status: row.status,
    roles: (held.get(row.id) ?? []).flatMap((id) => {
      const role = roles.get(id);
      return role ? [{ id, name: role.name }] : [];
    }),
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    version: row.version,
  }));
}

export async function representOne(accessApi: AccessApi, row: ServiceAccountRow): Promise<ServiceAccount> {
  return (await represent(accessApi, row.organization_id, [row]))[0] as ServiceAccount;
}
