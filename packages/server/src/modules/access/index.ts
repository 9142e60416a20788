import type { Context, ReadFacesOf } from "../../operation/module.ts";
import type { WriteHandle } from "../../platform/database/database.ts";
import { addRolePermissions } from "./commands/add-role-permissions.ts";
import { createPermission } from "./commands/create-permission.ts";
import { createRole } from "./commands/create-role.ts";
import { deletePermission } from "./commands/delete-permission.ts";
import { deleteRole } from "./commands/delete-role.ts";
import { removeRolePermissions } from "./commands/remove-role-permissions.ts";
import { repairReadModel } from "./commands/repair-read-model.ts";
import { syncSystemDefinitions } from "./commands/sync-system-definitions.ts";
import { updatePermission } from "./commands/update-permission.ts";
import { updateRole } from "./commands/update-role.ts";
import { events } from "./events.ts";
import { repairJob, repairWork } from "./jobs.ts";
import { access } from "./module.ts";
import { check } from "./queries/check.ts";
import { checkBatch } from "./queries/check-batch.ts";
import { getMyPermissions } from "./queries/get-my-permissions.ts";
import { getRole } from "./queries/get-role.ts";
import { listPermissions } from "./queries/list-permissions.ts";
import { listRoles } from "./queries/list-roles.ts";
import { projector } from "./read-model/projector.ts";
import { steps } from "./schema-steps.ts";
import { accessStore } from "./store.ts";

export { authorizerOf } from "./authorizer.ts";
export { NotHeld, RoleNotFound, ScopeMismatch } from "./errors.ts";
export type { RoleSummary } from "./module.ts";
export { AccessReader } from "./read-model/reader.ts";
export { administratorRole, ownerRole, systemPermissions } from "./system.ts";
export { access };

export const context: Context = {
  module: access,
  operations: [
    check,
    checkBatch,
    getMyPermissions,
    listRoles,
    getRole,
    createRole,
    updateRole,
    deleteRole,
    addRolePermissions,
    removeRolePermissions,
    listPermissions,
    createPermission,
    updatePermission,
    deletePermission,
    repairReadModel,
    syncSystemDefinitions,
  ],
  events,
  steps,
  consumers: (platform, faces) => [
    projector(platform, (tx: WriteHandle, keys) =>
      accessStore.writes(tx).project(keys, async (ids) => {
        const { identity }: ReadFacesOf<typeof access.declaration.uses & object> = faces(tx);
        return new Map([...(await identity.usersById(ids))].map(([id, user]) => [id, user.status]));
      }),
    ),
  ],
  atStart: [syncSystemDefinitions],
  queues: [repairJob],
  jobs: (_platform, dispatch) => [repairWork(dispatch)],
};
