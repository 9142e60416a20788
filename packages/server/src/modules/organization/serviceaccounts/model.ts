import { Description, Name, nullable, oneOf, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

/** A suspended service account retains its roles, but is denied everything. */
export const ServiceAccountStatus = oneOf("Active", "Suspended");
export type ServiceAccountStatus = Static<typeof ServiceAccountStatus>;

/** At most as many roles as a member may have. At least one: without roles it would count as a non-member. */
export const RoleIds = Type.Array(Uuid, { minItems: 1, maxItems: 20, uniqueItems: true });

export const ServiceAccount = Type.Object({
  id: Uuid,
  /** Null in the internal scope. */
  organizationId: nullable(Uuid),
  name: Name,
  description: nullable(Description),
  status: ServiceAccountStatus,
  roles: Type.Array(Type.Object({ id: Uuid, name: Name })),
  /** The user who created it; null if a service account did. */
  createdBy: nullable(Uuid),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type ServiceAccount = Static<typeof ServiceAccount>;

/** A service account as other modules see it. */
export interface ServiceAccountSummary {
  readonly id: string;
  /** Null in the internal scope. */
  readonly organizationId: string | null;
  readonly name: string;
  readonly status: ServiceAccountStatus;
}

/** The input of a new service account. */
export interface NewServiceAccount {
  readonly organizationId: string | null;
  readonly name: string;
  readonly description: string | null;
  readonly roleIds: readonly string[];
  /** The user who creates it; null if a service account does. */
  readonly createdBy: string | null;
}
