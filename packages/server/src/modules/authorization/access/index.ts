import type { Context, ReadFacesOf } from "#operation/module.ts";
import type { WriteHandle } from "#platform/database/database.ts";
import { evaluate } from "./authzen/evaluate.ts";
import { evaluateMany } from "./authzen/evaluate-many.ts";
import { searchActions } from "./authzen/search-actions.ts";
import { searchResources } from "./authzen/search-resources.ts";
import { searchSubjects } from "./authzen/search-subjects.ts";
import { addRolePermissions } from "./commands/add-role-permissions.ts";
import { askCaches } from "./commands/ask-caches.ts";
import { changeGrant } from "./commands/change-grant.ts";
import { cloneRole } from "./commands/clone-role.ts";
import { createGrant } from "./commands/create-grant.ts";
import { createPermission } from "./commands/create-permission.ts";
import { createRole } from "./commands/create-role.ts";
import { deletePermission } from "./commands/delete-permission.ts";
import { deleteRole } from "./commands/delete-role.ts";
import { forgetOldDecisions } from "./commands/forget-old-decisions.ts";
import { removeExpiredGrants } from "./commands/remove-expired-grants.ts";
import { removeRolePermissions } from "./commands/remove-role-permissions.ts";
import { renewSharedCopy } from "./commands/renew-shared-copy.ts";
import { repairReadModel } from "./commands/repair-read-model.ts";
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
import {
  forgetOldDecisionsJob,
  forgetOldDecisionsWork,
  removeExpiredGrantsJob,
  removeExpiredGrantsWork,
  repairJob,
  repairWork,
} from "./jobs.ts";
import { access } from "./module.ts";
import { check } from "./queries/check.ts";
import { checkBatch } from "./queries/check-batch.ts";
import { explain } from "./queries/explain.ts";
import { filter } from "./queries/filter.ts";
import { getGrant } from "./queries/get-grant.ts";
import { getMemberAttributes } from "./queries/get-member-attributes.ts";
import { getModel } from "./queries/get-model.ts";
import { getMyPermissions } from "./queries/get-my-permissions.ts";
import { getOrganizationAttributes } from "./queries/get-organization-attributes.ts";
import { getRole } from "./queries/get-role.ts";
import { listActions } from "./queries/list-actions.ts";
import { listCacheReports } from "./queries/list-cache-reports.ts";
import { listGrants } from "./queries/list-grants.ts";
import { listPartKeys } from "./queries/list-part-keys.ts";
import { listPermissions } from "./queries/list-permissions.ts";
import { listResources } from "./queries/list-resources.ts";
import { listRoles } from "./queries/list-roles.ts";
import { listSubjects } from "./queries/list-subjects.ts";
import { preview } from "./queries/preview.ts";
import { verifyReadModel } from "./queries/verify-read-model.ts";
import { sharedCopyRepair } from "./read-model/copy-keeper.ts";
import { entryDeadLetters } from "./read-model/entry-dead-letters.ts";
import { entriesConsumer } from "./read-model/keys.ts";
import { projector } from "./read-model/projector.ts";
import { userFactsOf } from "./read-model/user-facts.ts";
import { steps } from "./schema-steps.ts";
import { accessStore } from "./store.ts";

export { authorizerOf } from "./authorizer.ts";
export { authzenMetadata, authzenMetadataPath } from "./authzen/metadata.ts";
export { decisionReasons } from "./check.ts";
export { NotHeld, RoleNotFound, ScopeMismatch } from "./errors.ts";
export type { RoleSummary } from "./module.ts";
export { AccessReader } from "./read-model/reader.ts";
export { administratorRole, ownerRole, systemPermissions } from "./system.ts";
export { access, entriesConsumer, entryDeadLetters };

export const context: Context = {
  module: access,
  operations: [
    check,
    checkBatch,
    explain,
    filter,
    listResources,
    listSubjects,
    listActions,
    preview,
    evaluate,
    evaluateMany,
    searchSubjects,
    searchResources,
    searchActions,
    getModel,
    replaceModel,
    getMyPermissions,
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
    repairReadModel,
    listPartKeys,
    verifyReadModel,
    renewSharedCopy,
    askCaches,
    listCacheReports,
    forgetOldDecisions,
    removeExpiredGrants,
    syncSystemDefinitions,
  ],
  events,
  steps,
  consumers: (platform, faces) => [
    projector(platform, (tx: WriteHandle, keys, options) =>
      accessStore
        .writes(tx)
        .project(keys, userFactsOf((faces(tx) as ReadFacesOf<typeof access.declaration.uses & object>).identity), options),
    ),
  ],
  gauges: [administratorGauge],
  background: (platform) => [sharedCopyRepair(platform)],
  atStart: [syncSystemDefinitions],
  queues: [repairJob, forgetOldDecisionsJob, removeExpiredGrantsJob],
  jobs: (_platform, dispatch) => [repairWork(dispatch), forgetOldDecisionsWork(dispatch), removeExpiredGrantsWork(dispatch)],
};
