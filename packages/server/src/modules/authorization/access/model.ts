import { type Condition, namePattern } from "@gatehouse/policy";
import { Description, Name, nullable, oneOf, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

/** Where a permission or a role counts: inside an organization, or across the installation. */
export const AccessScope = oneOf("Internal", "Organization");
export type AccessScope = Static<typeof AccessScope>;

/** `Entity.Action`, with any number of levels: parts of letters, digits, `_`, `-` and `:`. */
export const PermissionValue = Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_:-]*(\\.[A-Za-z0-9_:-]+)*$", maxLength: 255 });

export const Permission = Type.Object({
  id: Uuid,
  value: PermissionValue,
  description: nullable(Description),
  scope: AccessScope,
  parent: nullable(PermissionValue),
  isSystemPermission: Type.Boolean(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type Permission = Static<typeof Permission>;

/** Whether a rule gives its permission or takes it away, whatever else gives it. */
export const RuleEffect = oneOf("allow", "deny");

/** A condition: JSON, whose form is served as a schema and which the policy engine checks against the model. */
export const ConditionInput = Type.Unsafe<Condition>({
  type: "object",
  description: "A condition: a comparison, or all, any or not of conditions. Its schema is served at /schemas/condition.",
  additionalProperties: true,
});

export const RoleRule = Type.Object({
  permission: PermissionValue,
  effect: RuleEffect,
  condition: nullable(ConditionInput),
});
export type RoleRule = Static<typeof RoleRule>;

/** Names of resource types and relations, as the policy engine takes them. */
export const ModelName = Type.String({ pattern: namePattern.source, maxLength: 63 });

/** A resource of the product's: a type of the authorization model, and an identifier of the product's own. */
export const ResourceRef = Type.Object({ type: ModelName, id: Type.String({ minLength: 1, maxLength: 255 }) });

/**
 * Who a grant is for: a user, everybody (`user` and `*`), a role, another resource, or all who stand in a relation of another
 * resource.
 */
export const SubjectRef = Type.Object({
  type: ModelName,
  id: Type.String({ minLength: 1, maxLength: 255 }),
  relation: Type.Optional(nullable(ModelName)),
});

export const Grant = Type.Object({
  id: Uuid,
  organizationId: nullable(Uuid),
  resource: ResourceRef,
  relation: ModelName,
  subject: SubjectRef,
  condition: nullable(ConditionInput),
  expiresAt: nullable(Timestamp),
  /** The grant has ended and counts in no decision. It can be granted again, and is removed some time later. */
  isExpired: Type.Boolean(),
  grantedBy: nullable(Uuid),
  grantedAt: Timestamp,
  version: Type.Integer(),
});
export type Grant = Static<typeof Grant>;

export const Role = Type.Object({
  id: Uuid,
  name: Name,
  description: nullable(Description),
  scope: AccessScope,
  organizationId: nullable(Uuid),
  isSystemRole: Type.Boolean(),
  /** What the role was given, under a condition or without one; for a system role everything it gives. */
  permissions: Type.Array(PermissionValue),
  /** Of those, the ones with a condition, and what the role takes away. */
  rules: Type.Array(RoleRule),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type Role = Static<typeof Role>;

/** The value that `value` stands below when no parent is named: `Product` for `Product.Create`. */
export const parentByName = (value: string): string | undefined => {
  const dot = value.lastIndexOf(".");
  return dot < 0 ? undefined : value.slice(0, dot);
};

/** Who holds roles: a user, or a service account. */
export type HolderKind = "user" | "service";
