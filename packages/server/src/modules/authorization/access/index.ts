import type { ModuleManifest } from "#operation/declaration/module.ts";
import { addRolePermissions } from "./commands/add-role-permissions.ts";
import { changeGrant } from "./commands/change-grant.ts";
import { cloneRole } from "./commands/clone-role.ts";
import { createGrant } from "./commands/create-grant.ts";
import { createPermission } from "./commands/create-permission.ts";
import { createRole } from "./commands/create-role.ts";
import { deletePermission } from "./commands/delete-permission.ts";
import { deleteRole } from "./commands/delete-role.ts";
import { removeExpiredGrants } from "./commands/remove-expired-grants.ts";
import { removeRolePermissions } from "./commands/remove-role-permissions.ts";
import { replaceModel } from "./commands/replace-model.ts";
import { revokeGrant } from "./commands/revoke-grant.ts";
import { revokeGrants } from "./commands/revoke-grants.ts";
import { setMemberAttributes } from "./commands/set-member-attributes.ts";
import { setOrganizationAttributes } from "./commands/set-organization-attributes.ts";
import { setRoleRule } from "./commands/set-role-rule.ts";
import { syncSystemDefinitions } from "./commands/sync-system-definitions.ts";
import { updatePermission } from "./commands/update-permission.ts";
import { updateRole } from "./commands/update-role.ts";
import { events } from "./events.ts";
import { administratorGauge } from "./gauges.ts";
import { removeExpiredGrantsJob, removeExpiredGrantsWork } from "./jobs.ts";
import { access } from "./module.ts";
import { getGrant } from "./queries/get-grant.ts";
import { getMemberAttributes } from "./queries/get-member-attributes.ts";
import { getModel } from "./queries/get-model.ts";
import { getOrganizationAttributes } from "./queries/get-organization-attributes.ts";
import { getRole } from "./queries/get-role.ts";
import { listGrants } from "./queries/list-grants.ts";
import { listPermissions } from "./queries/list-permissions.ts";
import { listRoles } from "./queries/list-roles.ts";
import { steps } from "./schema-steps.ts";

export { type Computed, computeEntries } from "./entries/compute.ts";
export type { UserFactsById } from "./entries/compute-kinds.ts";
export {
  type EntryKey,
  entitlementsKey,
  formatKey,
  isEntryKey,
  isOfOwnTables,
  listKey,
  membershipKey,
  parseKey,
  policyKey,
  roleKey,
  systemListKey,
  tenantStatusKey,
  userKey,
} from "./entries/entry-key.ts";
export type { KeyPage } from "./entries/key-pages.ts";
export type {
  EntitlementsEntry,
  MembershipEntry,
  PolicyEntry,
  RoleEntry,
  TenantEntry,
  UserEntry,
} from "./entries/values.ts";
export {
  EvaluationLimit,
  MemberNotFound,
  PermissionNotFound,
  PermissionNotHeld,
  RoleNotFound,
  ScopeMismatch,
  UnknownPermission,
  UnknownResourceType,
} from "./errors.ts";
export {
  AttributesSet,
  EntitlementsSet,
  GrantChanged,
  GrantCreated,
  GrantRevoked,
  ModelReplaced,
  PermissionAddedToRole,
  PermissionDefined,
  PermissionDeleted,
  PermissionRemovedFromRole,
  PermissionUpdated,
  RoleCreated,
  RoleDeleted,
  RoleRuleSet,
  RolesAssigned,
  RoleUpdated,
  ServiceStatusChanged,
  TenantStatusChanged,
} from "./events.ts";
export { ConditionInput, type HolderKind, ModelName, PermissionValue, ResourceRef, RuleEffect } from "./model.ts";
export { canBeMetBySigningIn } from "./model-lockout.ts";
export type { RoleSummary } from "./module.ts";
export { asOperationError, checkFields, withOperationErrors } from "./policy-errors.ts";
export { findRelationships } from "./relationship-lookups.ts";
export {
  administratorRole,
  isSystemPermission,
  isTopRole,
  manageModel,
  ownerRole,
  type SystemRoleDefinition,
  systemPermissions,
  systemRoleNamed,
  systemRoles,
} from "./system.ts";
export { access, listRoles };

export const manifest: ModuleManifest = {
  module: access,
  operations: [
    getModel,
    replaceModel,
    listRoles,
    getRole,
    createRole,
    updateRole,
    deleteRole,
    addRolePermissions,
    removeRolePermissions,
    setRoleRule,
    cloneRole,
    listGrants,
    getGrant,
    createGrant,
    changeGrant,
    revokeGrant,
    revokeGrants,
    getMemberAttributes,
    setMemberAttributes,
    getOrganizationAttributes,
    setOrganizationAttributes,
    listPermissions,
    createPermission,
    updatePermission,
    deletePermission,
    removeExpiredGrants,
    syncSystemDefinitions,
  ],
  events,
  steps,
  gauges: [administratorGauge],
  atStart: [syncSystemDefinitions],
  queues: [removeExpiredGrantsJob],
  jobs: (_platform, dispatch) => [removeExpiredGrantsWork(dispatch)],
};
