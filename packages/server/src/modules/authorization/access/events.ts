import { defineEvent } from "#operation/declaration/event.ts";
import { Name, nullable, oneOfGrowing, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { AccessScope, PermissionValue, ResourceRef, RuleEffect, SubjectRef } from "./model.ts";

const permissionData = Type.Object({
  permissionId: Uuid,
  value: PermissionValue,
  scope: AccessScope,
  parent: nullable(PermissionValue),
});

export const PermissionDefined = defineEvent({
  type: "permission.created.v1",
  says: "A permission was defined.",
  subject: ["permission", "permissionId"],
  data: permissionData,
});

export const PermissionUpdated = defineEvent({
  type: "permission.updated.v1",
  says: "A permission's description or place in the tree changed.",
  subject: ["permission", "permissionId"],
  data: Type.Object({ ...permissionData.properties, previousParent: nullable(PermissionValue) }),
});

export const PermissionDeleted = defineEvent({
  type: "permission.deleted.v1",
  says: "A permission is no longer defined.",
  subject: ["permission", "permissionId"],
  data: permissionData,
});

const roleData = Type.Object({ roleId: Uuid, organizationId: nullable(Uuid), name: Name, scope: AccessScope });
const aboutRole = { subject: ["role", "roleId"], tenant: "organizationId" } as const;

export const RoleCreated = defineEvent({ type: "role.created.v1", says: "A role was made.", ...aboutRole, data: roleData });
export const RoleUpdated = defineEvent({
  type: "role.updated.v1",
  says: "A role's name or description changed.",
  ...aboutRole,
  data: roleData,
});
export const RoleDeleted = defineEvent({ type: "role.deleted.v1", says: "A role was deleted.", ...aboutRole, data: roleData });

const rolePermissionsData = Type.Object({ roleId: Uuid, organizationId: nullable(Uuid), permissions: Type.Array(PermissionValue) });

export const PermissionAddedToRole = defineEvent({
  type: "role.permissions_added.v1",
  says: "A role was given permissions.",
  ...aboutRole,
  data: rolePermissionsData,
});

export const PermissionRemovedFromRole = defineEvent({
  type: "role.permissions_removed.v1",
  says: "Permissions were taken from a role.",
  ...aboutRole,
  data: rolePermissionsData,
});

export const RoleRuleSet = defineEvent({
  type: "role.rule_set.v1",
  says: "How a role gives or takes one permission was set.",
  ...aboutRole,
  data: Type.Object({
    roleId: Uuid,
    organizationId: nullable(Uuid),
    permission: PermissionValue,
    effect: RuleEffect,
    condition: nullable(Type.Unknown()),
  }),
});

const aboutGrant = { subject: ["grant", "grantId"], tenant: "organizationId" } as const;
const grantData = Type.Object({
  grantId: Uuid,
  organizationId: nullable(Uuid),
  resource: ResourceRef,
  relation: Type.String(),
  subject: SubjectRef,
  expiresAt: nullable(Timestamp),
});
export const GrantCreated = defineEvent({
  type: "grant.created.v1",
  says: "A subject was put into a relation of a resource.",
  ...aboutGrant,
  data: grantData,
});
export const GrantChanged = defineEvent({
  type: "grant.changed.v1",
  says: "A grant's end or condition changed.",
  ...aboutGrant,
  data: grantData,
});
export const GrantRevoked = defineEvent({
  type: "grant.revoked.v1",
  says: "A subject was taken out of a relation of a resource.",
  ...aboutGrant,
  data: grantData,
});

export const AttributesSet = defineEvent({
  type: "attributes.set.v1",
  says: "What an organization notes about a member, or about itself when userId is null, changed. The names, not the values.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid, userId: nullable(Uuid), names: Type.Array(Type.String()) }),
});

export const EntitlementsSet = defineEvent({
  type: "tenant.entitlements_set.v1",
  says: "What the organization's plan includes, as decisions see it from now on.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid, entitlements: Type.Record(Type.String(), Type.Unknown()) }),
});

export const ModelReplaced = defineEvent({
  type: "authorization_model.replaced.v1",
  says: "The authorization model was replaced by a newer version.",
  subject: ["authorization-model", "version"],
  data: Type.Object({ version: Type.Integer() }),
});

export const RolesAssigned = defineEvent({
  type: "assignment.changed.v1",
  says: "The roles of a user or a service account in a scope changed; none is left when the list is empty.",
  subject: ["user", "userId"],
  tenant: "organizationId",
  data: Type.Object({
    /** The id of the user, or of the service account. */
    userId: Uuid,
    organizationId: nullable(Uuid),
    /** Whose roles they are; absent where it is a user. */
    holder: Type.Optional(oneOfGrowing("user", "service")),
    roleIds: Type.Array(Uuid),
    /** Which of the roles are new for the holder, and which were removed. */
    addedRoleIds: Type.Array(Uuid),
    removedRoleIds: Type.Array(Uuid),
  }),
});

export const TenantStatusChanged = defineEvent({
  type: "tenant.status_changed.v1",
  says: "Decisions in the organization now depend on this status.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid, status: Type.String() }),
});

export const ServiceStatusChanged = defineEvent({
  type: "service.status_changed.v1",
  says: "Decisions about a service account depend on this status from now on; Deleted when the account is gone.",
  subject: ["service", "serviceId"],
  tenant: "organizationId",
  data: Type.Object({ serviceId: Uuid, organizationId: nullable(Uuid), status: Type.String() }),
});

export const events = [
  PermissionDefined,
  PermissionUpdated,
  PermissionDeleted,
  RoleCreated,
  RoleUpdated,
  RoleDeleted,
  PermissionAddedToRole,
  PermissionRemovedFromRole,
  RoleRuleSet,
  GrantCreated,
  GrantChanged,
  GrantRevoked,
  AttributesSet,
  EntitlementsSet,
  ModelReplaced,
  RolesAssigned,
  TenantStatusChanged,
  ServiceStatusChanged,
];
