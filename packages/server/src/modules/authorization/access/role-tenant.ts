import { RoleNotFound } from "./errors.ts";
import type { RoleRow } from "./store.ts";

interface Reading {
  reading<T>(work: (store: { roleById(id: string): Promise<RoleRow | undefined> }) => Promise<T>): Promise<T>;
  fail(error: typeof RoleNotFound): never;
}

/** The scope that a call about a role acts in: the role's own. */
export async function tenantOfRole({ reading, fail }: Reading, { roleId }: { readonly roleId: string }): Promise<string | null> {
  const row = await reading((store) => store.roleById(roleId));
  return (row ?? fail(RoleNotFound)).organization_id;
}
