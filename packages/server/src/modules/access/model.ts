import { Description, Name, nullable, oneOf, type Static, Timestamp, Type, Uuid } from "../../operation/schema.ts";

/** Where a permission or a role counts: inside an organization, or across the installation (S3 §6.1). */
export const AccessScope = oneOf("Internal", "Organization");
export type AccessScope = Static<typeof AccessScope>;

/** `Entity.Action`, with any number of levels (S3 §8): parts of letters, digits, `_`, `-` and `:`. */
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

export const Role = Type.Object({
  id: Uuid,
  name: Name,
  description: nullable(Description),
  scope: AccessScope,
  organizationId: nullable(Uuid),
  isSystemRole: Type.Boolean(),
  /** What the role was given, or for a system role everything it gives. */
  permissions: Type.Array(PermissionValue),
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
