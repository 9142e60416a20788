import { scoped } from "#operation/declaration/authorization.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { checkConditionUnderLock } from "../check-condition.ts";
import { HoldersAbove, LastHolder, PermissionNotFound, PermissionNotHeld, RoleNotFound, ScopeMismatch, SystemRole } from "../errors.ts";
import { RoleRuleSet } from "../events.ts";
import { ConditionInput, PermissionValue, Role, RuleEffect } from "../model.ts";
import { access } from "../module.ts";
import { representOne, rulesOf } from "../represent.ts";
import { assertCanRevokeFromHolders, stillCovered } from "../revocation-check.ts";
import { tenantOfRole } from "../role-tenant.ts";
import { topHolders } from "../top-holders.ts";

/**
 * Sets a role's rule for one permission: allow, allow under a condition, or deny. Callers need the permission to allow it, and at least the
 * permissions of every holder of the role to restrict it. A denial must leave a top holder of the scope, who can undo every change.
 */
export const setRoleRule = access.command("setRoleRule", {
  http: "PUT /api/v1/iam/roles/:roleId/permissions/:permission",
  summary: "Set how a role gives or takes a permission.",
  allow: scoped({ tenant: "Organization.ManageRoles", internal: "InternalRole.Manage" }),
  audit: { action: "Role.Permission.Set", category: "Security", severity: "Warning", entity: "Role" },
  absent: RoleNotFound,
  versioned: true,
  input: Type.Object({
    roleId: Uuid,
    permission: PermissionValue,
    effect: Type.Optional(RuleEffect),
    condition: Type.Optional(nullable(ConditionInput)),
  }),
  output: Role,
  errors: [RoleNotFound, SystemRole, PermissionNotFound, ScopeMismatch, PermissionNotHeld, HoldersAbove, LastHolder],
  tenant: tenantOfRole,
  async prepare(context, { roleId, permission, effect = "allow", condition = null }) {
    const { reading, requireHeld, fail } = context;
    const { role, defined, rules } = await reading(async (store) => ({
      role: (await store.roleById(roleId)) ?? fail(RoleNotFound),
      defined: (await store.permissionsByValue([permission])).length > 0,
      rules: (await store.rulesOf([roleId])).get(roleId) ?? [],
    }));
    const before = rules.find((rule) => rule.permission === permission);
    // Replacing a denial grants as well, even if a weaker denial replaces it.
    const gives = defined && (effect === "allow" || before?.effect === "deny");
    if (gives) await requireHeld(role.organization_id, [permission], { error: PermissionNotHeld, field: "permission" });
    const takes = defined && !role.is_system_role && (effect === "deny" || (condition !== null && before?.effect === "allow"));
    return takes ? await assertCanRevokeFromHolders(context, role) : undefined;
  },
  async run(context, { roleId, permission, effect = "allow", condition = null }, checkedRights) {
    const { store, emit, fail, audit, expectVersion, now, principal } = context;
    const tenant = (await store.roleById(roleId))?.organization_id ?? null;
    // Before the role itself: an assignment of the role locks in the same order.
    if (effect === "deny") await store.lockTopHolders(tenant);
    const row = (await store.lockRole(roleId)) ?? fail(RoleNotFound);
    if (row.is_system_role) fail(SystemRole);
    expectVersion(row.version);
    const before = rulesOf(await representOne(store, row));
    const [definition] = await store.permissionsByValue([permission]);
    if (definition === undefined) return fail(PermissionNotFound, { field: "permission", permission });
    if (definition.scope !== row.scope) fail(ScopeMismatch, { field: "permission", rule: "same_scope", permission });
    if (checkedRights !== undefined && !(await stillCovered(store, row, principal, checkedRights)))
      fail(HoldersAbove, { field: "roleId", rule: "changed" });
    await checkConditionUnderLock(store, condition);
    const topHoldersBefore = effect === "deny" ? await topHolders(context, row.organization_id) : [];
    await store.setRule(row.id, row.organization_id, definition.id, effect, condition);
    if (topHoldersBefore.length > 0 && (await topHolders(context, row.organization_id)).length === 0)
      fail(LastHolder, { field: "roleId", rule: "last_holder" });
    const updated = await store.touchRole(row.id, now);
    emit(RoleRuleSet, { roleId: row.id, organizationId: row.organization_id, permission, effect, condition });
    const role = await representOne(store, updated);
    audit({ before, after: rulesOf(role) });
    return role;
  },
});
