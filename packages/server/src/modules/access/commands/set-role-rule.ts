import { scoped } from "../../../operation/authorization.ts";
import { nullable, Type, Uuid } from "../../../operation/schema.ts";
import { checkConditionToKeep } from "../check-condition.ts";
import { NotHeld, PermissionNotFound, RoleNotFound, ScopeMismatch, SystemRole } from "../errors.ts";
import { RoleRuleSet } from "../events.ts";
import { ConditionInput, PermissionValue, Role, RuleEffect } from "../model.ts";
import { access } from "../module.ts";
import { deniedBy, representOne, rulesOf } from "../represent.ts";
import { tenantOfRole } from "../role-tenant.ts";

/**
 * Says how a role gives one permission: under a condition, without one, or not at all whatever else gives it (S4 §2, §8.4).
 * Nobody gives what he does not hold himself; taking away is free.
 */
export const setRoleRule = access.command("setRoleRule", {
  http: "PUT /api/v1/iam/roles/:roleId/permissions/:permission",
  summary: "Set how a role gives or takes a permission.",
  allow: scoped({ tenant: "Organization.ManageRoles", internal: "InternalRole.Manage" }),
  absent: RoleNotFound,
  versioned: true,
  input: Type.Object({
    roleId: Uuid,
    permission: PermissionValue,
    effect: Type.Optional(RuleEffect),
    condition: Type.Optional(nullable(ConditionInput)),
  }),
  output: Role,
  errors: [RoleNotFound, SystemRole, PermissionNotFound, ScopeMismatch, NotHeld],
  tenant: tenantOfRole,
  async prepare({ reading, notHeld, fail }, { roleId, permission, effect = "allow" }) {
    const { role, defined, denies } = await reading(async (store) => ({
      role: (await store.roleById(roleId)) ?? fail(RoleNotFound),
      defined: (await store.permissionsByValue([permission])).length > 0,
      denies: await deniedBy(store, roleId),
    }));
    // To write over a denial is to give as well, also by a weaker denial.
    const gives = defined && (effect === "allow" || denies.has(permission));
    const lacking = gives ? await notHeld(role.organization_id, [permission]) : [];
    if (lacking.length > 0) fail(NotHeld, { field: "permission", rule: "held", permission });
  },
  async run({ store, emit, fail, audit, expectVersion, now }, { roleId, permission, effect = "allow", condition = null }) {
    const row = (await store.lockRole(roleId)) ?? fail(RoleNotFound);
    if (row.is_system_role) fail(SystemRole);
    expectVersion(row.version);
    const before = rulesOf(await representOne(store, row));
    const [definition] = await store.permissionsByValue([permission]);
    if (definition === undefined) return fail(PermissionNotFound, { field: "permission", permission });
    if (definition.scope !== row.scope) fail(ScopeMismatch, { field: "permission", rule: "same_scope", permission });
    await checkConditionToKeep(store, condition);
    await store.setRule(row.id, row.organization_id, definition.id, effect, condition);
    const updated = await store.touchRole(row.id, now);
    emit(RoleRuleSet, { roleId: row.id, organizationId: row.organization_id, permission, effect, condition });
    const role = await representOne(store, updated);
    audit({ before, after: rulesOf(role) });
    return role;
  },
});
