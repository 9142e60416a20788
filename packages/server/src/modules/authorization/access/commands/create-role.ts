import { v7 as uuid } from "uuid";
import { scoped } from "#operation/declaration/authorization.ts";
import { QuotaExceeded } from "#operation/declaration/errors.ts";
import { organizationOf } from "#operation/declaration/principal.ts";
import { Description, Name, nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { requireVisible } from "#operation/declaration/visible-name.ts";
import { requireWithinQuota } from "#operation/kernel/quota.ts";
import { violatedUnique } from "#platform/database/driver-errors.ts";
import { takenRule } from "#platform/names/stored-keys.ts";
import { RoleNameTaken, RoleNotFound, ScopeMismatch } from "../errors.ts";
import { RoleCreated } from "../events.ts";
import { AccessScope, Role } from "../model.ts";
import { access } from "../module.ts";
import { toRole } from "../store.ts";

/** Creates a role without permissions, in an organization or in the internal scope. */
export const createRole = access.command("createRole", {
  http: "POST /api/v1/iam/roles",
  summary: "Create a role.",
  allow: scoped({ tenant: "Organization.ManageRoles", internal: "InternalRole.Manage" }),
  audit: { action: "Role.Created", category: "Security", severity: "Warning", entity: "Role" },
  absent: RoleNotFound,
  status: 201,
  versioned: true,
  input: Type.Object({
    name: Name,
    description: Type.Optional(nullable(Description)),
    scope: AccessScope,
    organizationId: Type.Optional(nullable(Uuid)),
  }),
  output: Role,
  errors: [RoleNameTaken, ScopeMismatch, QuotaExceeded],
  tenant({ principal, fail }, { scope, organizationId }) {
    const inOrganization = organizationId ?? organizationOf(principal);
    if (scope === "Internal") return organizationId ? fail(ScopeMismatch, { field: "organizationId", rule: "scope" }) : null;
    return inOrganization ?? fail(ScopeMismatch, { field: "organizationId", rule: "required_in_scope" });
  },
  async run({ store, emit, fail, now, principal, services }, input) {
    requireVisible(input.name);
    const session = organizationOf(principal);
    const organizationId = input.scope === "Internal" ? null : (input.organizationId ?? session);
    if (organizationId !== null)
      requireWithinQuota("roles", (await store.rolesForQuota(organizationId)) + 1, services.settings.quotas.roles);
    try {
      const row = await store.insertRole({
        id: uuid(),
        name: input.name,
        description: input.description ?? null,
        scope: input.scope,
        organization_id: organizationId,
        is_system_role: false,
        created_at: now,
        updated_at: now,
      });
      emit(RoleCreated, { roleId: row.id, organizationId, name: row.name, scope: row.scope });
      return toRole(row, []);
    } catch (error) {
      const index = violatedUnique(error);
      if (index !== undefined) fail(RoleNameTaken, { field: "name", ...takenRule(index) });
      throw error;
    }
  },
});
