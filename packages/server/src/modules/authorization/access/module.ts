import type { Condition } from "@gatehouse/policy";
import { v7 as uuid } from "uuid";
import { identity } from "#modules/foundation/identity/index.ts";
import { type Emit, module } from "#operation/declaration/module.ts";
import { checkCondition } from "./check-condition.ts";
import type { Computed } from "./entries/compute.ts";
import type { KeyPage } from "./entries/key-pages.ts";
import { userFactsOf } from "./entries/user-facts.ts";
import { EntitlementsSet, RoleCreated, RoleDeleted, RolesAssigned, ServiceStatusChanged, TenantStatusChanged } from "./events.ts";
import { permissionsGivenBy } from "./given-permissions.ts";
import type { AccessScope, HolderKind, RoleRule } from "./model.ts";
import { PolicyCompiler } from "./policy-compiler.ts";
import { grantsOf, revokeSomeGrants, revokeSubject } from "./revoke-subject.ts";
import type { RemovedService } from "./service-store.ts";
import { accessStore, type RoleRow } from "./store.ts";
import { administratorRole, ownerRole, systemRoles } from "./system.ts";
import { wouldLoseLastHolder } from "./top-holders.ts";

/** Roles deleted in one transaction, each with some hundred rows of permissions. */
const rolesErasedAtOnce = 100;

/** A role as other modules see it. */
export interface RoleSummary {
  readonly id: string;
  readonly name: string;
  readonly scope: AccessScope;
  readonly organizationId: string | null;
  readonly isSystemRole: boolean;
}

const summary = (row: RoleRow): RoleSummary => ({
  id: row.id,
  name: row.name,
  scope: row.scope,
  organizationId: row.organization_id,
  isSystemRole: row.is_system_role,
});

function emitServiceRemoved(emit: Emit, organizationId: string | null, { serviceId, roleIds }: RemovedService): void {
  const removed = { roleIds: [], addedRoleIds: [], removedRoleIds: [...roleIds] };
  emit(RolesAssigned, { userId: serviceId, organizationId, holder: "service", ...removed });
  emit(ServiceStatusChanged, { serviceId, organizationId, status: "Deleted" });
}

/** The authorization data: permission tree, roles and assignments, relationships, and authorization model. */
export const access = module("access", {
  store: accessStore,
  state: () => new PolicyCompiler(),
  uses: { identity },
  readApi: ({ store, uses }) => ({
    /** Computes the projection entries of `keys` from the tables. */
    computeEntries: (keys: readonly string[]): Promise<readonly Computed[]> => store.computeEntries(keys, userFactsOf(uses.identity)),
    /** A page of the expected keys of projection entries. */
    entryKeys: (cursor: string | null, limit: number): Promise<KeyPage> =>
      store.entryKeys(cursor, limit, (after, size) => uses.identity.userIds(after, size)),
    /** Roles of a scope, system roles first; 200 at most. */
    roleIdsOf: (organizationId: string | null): Promise<readonly string[]> => store.roleIdsOf(organizationId),
    /** The ids among `ids` that are service accounts. The others are users or unknown. */
    servicesAmong: (ids: readonly string[]): Promise<ReadonlySet<string>> => store.servicesAmong(ids),
    /** Users and service accounts with a role in the scope, in the order of their ids. */
    memberIds: (organizationId: string | null, after: string | undefined, limit: number): Promise<readonly string[]> =>
      store.memberIds(organizationId, after, limit),
    /** The resources of a type that any relationship names, in the order of their ids. */
    resourceIds: (organizationId: string | null, type: string, after: string | undefined, limit: number): Promise<readonly string[]> =>
      store.resourceIds(organizationId, type, after, limit),
    /** The rules of a custom role of the scope; undefined for a system role, a role of another scope or an unknown one. */
    async rulesOfCustomRole(roleId: string, organizationId: string | null): Promise<readonly RoleRule[] | undefined> {
      const role = await store.roleById(roleId);
      if (role?.organization_id !== organizationId || role.is_system_role) return undefined;
      return (await store.rulesOf([roleId])).get(roleId) ?? [];
    },
    /** Those of `values` that are defined permissions. */
    async definedAmong(values: readonly string[]): Promise<ReadonlySet<string>> {
      return new Set((await store.permissionsByValue(values)).map(({ value }) => value));
    },
    /** The descriptions of those of `values` that are defined and have one. */
    async descriptionsOf(values: readonly string[]): Promise<ReadonlyMap<string, string>> {
      const described = (await store.permissionsByValue(values)).flatMap(({ value, description }) =>
        description ? [[value, description] as const] : [],
      );
      return new Map(described);
    },
    /** Those of `values` that are defined permissions of organizations. */
    async organizationPermissionsAmong(values: readonly string[]): Promise<ReadonlySet<string>> {
      return new Set((await store.permissionsByValue(values)).filter(({ scope }) => scope === "Organization").map(({ value }) => value));
    },
    /** Throws `common.validation_failed` for a condition that is malformed or uses names that the model does not declare. */
    checkCondition: (condition: Condition | null): Promise<void> => checkCondition(store, condition),
    async rolesByIds(ids: readonly string[]): Promise<readonly RoleSummary[]> {
      return (await store.rolesByIds(ids)).map(summary);
    },
    /** The role ids of each user in a scope, in the order of assignment. */
    rolesOf: (userIds: readonly string[], organizationId: string | null) => store.assignments(userIds, organizationId),
    async ownerRoleOf(organizationId: string): Promise<string | undefined> {
      return (await store.systemRole(ownerRole, organizationId))?.id;
    },
    async administratorRole(): Promise<string | undefined> {
      return (await store.systemRole(administratorRole, null))?.id;
    },
    /** How many users hold a role; service accounts do not count. */
    holders: (roleId: string): Promise<number> => store.holders(roleId),
    /** The permissions that a caller must hold to assign or remove these roles of the scope. */
    permissionsGivenBy: (organizationId: string | null, roleIds: readonly string[]): Promise<readonly string[]> =>
      permissionsGivenBy(store, organizationId, roleIds),
  }),
  writeApi: ({ store, uses, emit, now }) => ({
    /** Creates the system roles of a new organization and returns their ids by name. */
    async createSystemRoles(organizationId: string): Promise<ReadonlyMap<string, string>> {
      const created = new Map<string, string>();
      for (const role of systemRoles.filter(({ scope }) => scope === "Organization")) {
        const row = await store.insertRole({
          id: uuid(),
          name: role.name,
          description: role.description,
          scope: role.scope,
          organization_id: organizationId,
          is_system_role: true,
          created_at: now,
          updated_at: now,
        });
        emit(RoleCreated, { roleId: row.id, organizationId, name: role.name, scope: role.scope });
        created.set(role.name, row.id);
      }
      return created;
    },
    /** The roles that exist among `ids`. Locks them against deletion until the transaction ends. */
    async lockRolesForUse(ids: readonly string[]): Promise<readonly RoleSummary[]> {
      return (await store.lockRolesForUse(ids)).map(summary);
    },
    /** Serializes changes of the owners of an organization, or of the administrators, until the transaction ends. */
    lockTopHolders: (organizationId: string | null): Promise<void> => store.lockTopHolders(organizationId),
    /**
     * Whether no user would be left who can undo every change of the scope, if the user's roles were `roleIds` and, with `isActive` false,
     * the user could not sign in. Call it under {@link lockTopHolders}.
     */
    wouldLoseLastHolder: (
      userId: string,
      organizationId: string | null,
      after: { readonly roleIds: readonly string[]; readonly isActive?: boolean },
    ): Promise<boolean> => wouldLoseLastHolder({ store, uses }, userId, organizationId, after),
    /** Replaces the roles of the user in the scope. Without roles it also removes the user's grants and attributes there. */
    async assign(userId: string, organizationId: string | null, roleIds: readonly string[]): Promise<void> {
      const changed = await store.setAssignments(userId, organizationId, roleIds, now);
      if (roleIds.length === 0) await revokeSubject({ store, emit }, organizationId, userId);
      emit(RolesAssigned, { userId, organizationId, roleIds: [...roleIds], ...changed });
    },
    /** Sets a service account's status for decisions, also of a new account. Only `Active` allows anything. */
    async setServiceStatus(serviceId: string, organizationId: string | null, status: string): Promise<void> {
      await store.setServiceStatus(serviceId, organizationId, status);
      emit(ServiceStatusChanged, { serviceId, organizationId, status });
    },
    /** Replaces the roles of a service account. Call {@link setServiceStatus} first for a new account. */
    async assignToService(serviceId: string, organizationId: string | null, roleIds: readonly string[]): Promise<void> {
      const changed = await store.setAssignments(serviceId, organizationId, roleIds, now);
      emit(RolesAssigned, { userId: serviceId, organizationId, holder: "service", roleIds: [...roleIds], ...changed });
    },
    /** Removes a service account with its roles and grants. */
    async removeService(serviceId: string, organizationId: string | null): Promise<void> {
      const { removedRoleIds } = await store.setAssignments(serviceId, organizationId, [], now);
      await revokeSubject({ store, emit }, organizationId, serviceId, "service");
      await store.removeService(serviceId);
      emitServiceRemoved(emit, organizationId, { serviceId, roleIds: removedRoleIds });
    },
    /** Sets the organization's entitlements for decisions; false if there is no such organization. */
    async setEntitlements(organizationId: string, entitlements: Readonly<Record<string, unknown>>): Promise<boolean> {
      const found = await store.setEntitlements(organizationId, entitlements);
      if (found) emit(EntitlementsSet, { organizationId, entitlements });
      return found;
    },
    /**
     * Removes a batch of the grants of a user or service account; true while there may be more. {@link assign} without roles, or
     * {@link removeService}, removes the rest.
     */
    async revokeSomeOf(holderId: string, organizationId: string | null, holder: HolderKind = "user"): Promise<boolean> {
      return (await revokeSomeGrants({ store, emit }, grantsOf(organizationId, holderId, holder))).more;
    },
    /** Removes every role and attribute of users of an organization that is being erased. {@link eraseSome} removes its grants. */
    async removeMembers(organizationId: string, userIds: readonly string[]): Promise<void> {
      const removed = await store.removeMembers(organizationId, userIds);
      for (const userId of userIds) {
        emit(RolesAssigned, { userId, organizationId, roleIds: [], addedRoleIds: [], removedRoleIds: [...(removed.get(userId) ?? [])] });
      }
    },
    /**
     * Removes at most `limit` grants, then as many service accounts, then a batch of roles, of an organization without members. False if
     * nothing was left. Rows that reference the organization are deleted with it.
     */
    async eraseSome(organizationId: string, limit: number): Promise<boolean> {
      if ((await revokeSomeGrants({ store, emit }, { organizationId }, limit)).rows.length > 0) return true;
      const services = await store.removeServices(organizationId, limit);
      for (const service of services) emitServiceRemoved(emit, organizationId, service);
      if (services.length > 0) return true;
      const roles = await store.eraseRoles(organizationId, rolesErasedAtOnce);
      for (const role of roles) emit(RoleDeleted, { roleId: role.id, organizationId, name: role.name, scope: role.scope });
      return roles.length > 0;
    },
    /** Emits that the organization is erased: no further decisions are made in it. */
    async finishErasure(organizationId: string): Promise<void> {
      emit(TenantStatusChanged, { organizationId, status: "Erased" });
    },
    /** Sets the organization's status for decisions. */
    async setTenantStatus(organizationId: string, status: string): Promise<void> {
      await store.setTenantStatus(organizationId, status);
      emit(TenantStatusChanged, { organizationId, status });
    },
  }),
});
