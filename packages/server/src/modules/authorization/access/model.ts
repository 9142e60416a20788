import { type Condition, namePattern } from "@gatehouse/policy";
import { Description, Name, nullable, oneOf, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

/** Where a permission or role applies: in an organization, or across the installation. */
export const AccessScope = oneOf("Internal", "Organization");
export type AccessScope = Static<typeof AccessScope>;

/** `Entity.Action`, with any number of levels. A segment has letters, digits, `_`, `-` and `:`. */
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

/** Whether a rule allows its permission or denies it. A denial overrides everything that allows it. */
export const RuleEffect = oneOf("allow", "deny");

/** A condition as JSON. The policy engine validates it against the model. */
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

/** A name of a resource type or relation, as the policy engine accepts it. */
export const ModelName = Type.String({ pattern: namePattern.source, maxLength: 63 });

/** A resource of an application: a type of the authorization model, and the application's identifier. */
export const ResourceRef = Type.Object({ type: ModelName, id: Type.String({ minLength: 1, maxLength: 255 }) });

/**
 * The subject of a grant: a user, every member (`user` and `*`), a service account (`service`), a role, another resource, or with
 * `relation` the subjects of that relation of another resource.
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
  /** The grant has no effect any more. It can be granted again, and is removed later. */
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
  /** Permissions that the role allows, with or without a condition. For a system role all that it allows. */
  permissions: Type.Array(PermissionValue),
  /** Rules with a condition, and denials. */
  rules: Type.Array(RoleRule),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type Role = Static<typeof Role>;

/** The default parent of a permission: `Product` for `Product.Create`. */
export const parentByName = (value: string): string | undefined => {
  const dot = value.lastIndexOf(".");
  return dot < 0 ? undefined : value.slice(0, dot);
};

/** The kinds of principals that hold roles. */
export type HolderKind = "user" | "service";
