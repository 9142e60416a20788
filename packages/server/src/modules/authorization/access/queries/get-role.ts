import { scoped } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { RoleNotFound } from "../errors.ts";
import { Role } from "../model.ts";
import { access } from "../module.ts";
import { representOne } from "../represent.ts";
import { tenantOfRole } from "../role-tenant.ts";

/** Returns one role with its permissions. */
export const getRole = access.query("getRole", {
  http: "GET /api/v1/iam/roles/:roleId",
  summary: "One role.",
  allow: scoped({ tenant: "Organization.ReadRoles", internal: "InternalRole.Read" }),
  absent: RoleNotFound,
  versioned: true,
  input: Type.Object({ roleId: Uuid }),
  output: Role,
  errors: [RoleNotFound],
  tenant: tenantOfRole,
  run: async ({ store, fail }, { roleId }) => representOne(store, (await store.roleById(roleId)) ?? fail(RoleNotFound)),
});
