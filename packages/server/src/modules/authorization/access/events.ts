import { defineEvent } from "#operation/declaration/event.ts";
import { Name, nullable, oneOfExtensible, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { AccessScope, PermissionValue, ResourceRef, RuleEffect, SubjectRef } from "./model.ts";

const permissionData = Type.Object({
  permissionId: Uuid,
  value: PermissionValue,
  scope: AccessScope,
  parent: nullable(PermissionValue),
});

export const PermissionDefined = defineEvent({
  type: "permission.created.v1",
  summary: "A permission was defined.",
  subject: ["permission", "permissionId"],
  data: permissionData,
});

export const PermissionUpdated = defineEvent({
  type: "permission.updated.v1",
  summary: "A permission's description or parent changed.",
  subject: ["permission", "permissionId"],
  data: Type.Object({ ...permissionData.properties, previousParent: nullable(PermissionValue) }),
});

export const PermissionDeleted = defineEvent({
  type: "permission.deleted.v1",
  summary: "A permission is no longer defined.",
  subject: ["permission", "permissionId"],
  data: permissionData,
});

const roleData = Type.Object({ roleId: Uuid, organizationId: nullable(Uuid), name: Name, scope: AccessScope });
const aboutRole = { subject: ["role", "roleId"], tenant: "organizationId" } as const;

export const RoleCreated = defineEvent({ type: "role.created.v1", summary: "A role was created.", ...aboutRole, data: roleData });
export const RoleUpdated = defineEvent({
  type: "role.updated.v1",
  summary: "A role's name or description changed.",
  ...aboutRole,
  data: roleData,
});
export const RoleDeleted = defineEvent({ type: "role.deleted.v1", summary: "A role was deleted.", ...aboutRole, data: roleData });

const rolePermissionsData = Type.Object({ roleId: Uuid, organizationId: nullable(Uuid), permissions: Type.Array(PermissionValue) });

export const PermissionAddedToRole = defineEvent({
  type: "role.permissions_added.v1",
  summary: "Permissions were added to a role.",
  ...aboutRole,
  data: rolePermissionsData,
});

export const PermissionRemovedFromRole = defineEvent({
  type: "role.permissions_removed.v1",
  summary: "Permissions were removed from a role.",
  ...aboutRole,
  data: rolePermissionsData,
});

export const RoleRuleSet = defineEvent({
  type: "role.rule_set.v1",
  summary: "A role's rule for one permission was set.",
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
  summary: "A subject was granted a relation to a resource.",
  ...aboutGrant,
  data: grantData,
});
export const GrantChanged = defineEvent({
  type: "grant.changed.v1",
  summary: "A grant's expiry or condition changed.",
  ...aboutGrant,
  data: grantData,
});
export const GrantRevoked = defineEvent({
  type: "grant.revoked.v1",
  summary: "A subject's relation to a resource was revoked.",
  ...aboutGrant,
  data: grantData,
});

export const AttributesSet = defineEvent({
  type: "attributes.set.v1",
  summary: "The attributes of a member, or of the organization if userId is null, changed. The event has their names, not their values.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid, userId: nullable(Uuid), names: Type.Array(Type.String()) }),
});

export const EntitlementsSet = defineEvent({
  type: "tenant.entitlements_set.v1",
  summary: "The entitlements of the organization changed for decisions.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid, entitlements: Type.Record(Type.String(), Type.Unknown()) }),
});

export const ModelReplaced = defineEvent({
  type: "authorization_model.replaced.v1",
  summary: "The authorization model was replaced by a newer version.",
  subject: ["authorization-model", "version"],
  data: Type.Object({ version: Type.Integer() }),
});

export const RolesAssigned = defineEvent({
  type: "assignment.changed.v1",
  summary: "The roles of a user or a service account in a scope changed; an empty list means that none is left.",
  subject: ["user", "userId"],
  tenant: "organizationId",
  data: Type.Object({
    /** The id of the user, or of the service account. */
    userId: Uuid,
    organizationId: nullable(Uuid),
    /** The kind of holder; absent for a user. */
    holder: Type.Optional(oneOfExtensible("user", "service")),
    roleIds: Type.Array(Uuid),
    /** The roles that were added, and those that were removed. */
    addedRoleIds: Type.Array(Uuid),
    removedRoleIds: Type.Array(Uuid),
  }),
});

export const TenantStatusChanged = defineEvent({
  type: "tenant.status_changed.v1",
  summary: "The status of the organization changed for decisions.",
  subject: ["organization", "organizationId"],
  tenant: "organizationId",
  data: Type.Object({ organizationId: Uuid, status: Type.String() }),
});

export const ServiceStatusChanged = defineEvent({
  type: "service.status_changed.v1",
  summary: "The status of a service account changed for decisions; Deleted if the account was deleted.",
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
