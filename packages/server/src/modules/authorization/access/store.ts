import type { Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { type AssignmentTables, assignmentReads, assignmentWrites } from "./assignment-store.ts";
import { type Computed, computeEntries } from "./entries/compute.ts";
import type { UserFactsById } from "./entries/compute-kinds.ts";
import { type KeyPage, listEntryKeys, type UserIds } from "./entries/key-pages.ts";
import { type GrantTables, grantReads, grantWrites } from "./grant-store.ts";
import { type PermissionTables, permissionReads, permissionWrites } from "./permission-store.ts";
import { policyReads, policyWrites } from "./policy-store.ts";
import { quotaWrites } from "./quota-store.ts";
import { type RoleTables, roleReads, roleWrites } from "./role-store.ts";
import { type ServiceTables, serviceReads, serviceWrites } from "./service-store.ts";

export { type PermissionRow, toPermission } from "./permission-store.ts";
export { type RoleRow, toRole } from "./role-store.ts";

const reads = (db: ReadHandle) => ({
  ...permissionReads(db as unknown as ReadHandle<PermissionTables>),
  ...roleReads(db as unknown as ReadHandle<RoleTables>),
  ...assignmentReads(db as unknown as ReadHandle<AssignmentTables>),
  ...grantReads(db as unknown as ReadHandle<GrantTables>),
  ...serviceReads(db as unknown as ReadHandle<ServiceTables>),
  ...policyReads(db),
  /** A page of the expected keys of projection entries. */
  entryKeys: (cursor: string | null, limit: number, users: UserIds): Promise<KeyPage> => listEntryKeys(db, cursor, limit, users),
  /** Computes the projection entries of `keys` from the tables. */
  computeEntries: (keys: readonly string[], users: UserFactsById): Promise<readonly Computed[]> => computeEntries(db, keys, users),
});

const writes = (tx: WriteHandle) => ({
  ...permissionWrites(tx as unknown as WriteHandle<PermissionTables>),
  ...roleWrites(tx as unknown as WriteHandle<RoleTables>),
  ...assignmentWrites(tx as unknown as WriteHandle<AssignmentTables>),
  ...grantWrites(tx as unknown as WriteHandle<GrantTables>),
  ...serviceWrites(tx as unknown as WriteHandle<ServiceTables>),
  ...policyWrites(tx),
  ...quotaWrites(tx),
});

export type AccessReads = ReturnType<typeof reads>;
export type AccessWrites = ReturnType<typeof writes>;
export const accessStore: Store<AccessReads, AccessWrites> = { reads, writes };
