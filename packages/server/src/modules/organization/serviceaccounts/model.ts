import { Description, Name, nullable, oneOf, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

/** A suspended service account keeps its roles and may do nothing. */
export const ServiceAccountStatus = oneOf("Active", "Suspended");
export type ServiceAccountStatus = Static<typeof ServiceAccountStatus>;

/** As many roles as a member may have. Without one, decisions know no membership, so at least one. */
export const RoleIds = Type.Array(Uuid, { minItems: 1, maxItems: 20, uniqueItems: true });

export const ServiceAccount = Type.Object({
  id: Uuid,
  /** Null in the internal scope. */
  organizationId: nullable(Uuid),
  name: Name,
  description: nullable(Description),
  status: ServiceAccountStatus,
  roles: Type.Array(Type.Object({ id: Uuid, name: Name })),
  /** The user who made it; null where a service did. */
  createdBy: nullable(Uuid),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type ServiceAccount = Static<typeof ServiceAccount>;

/** What other modules know of a service account. */
export interface ServiceAccountSummary {
  readonly id: string;
  /** Null in the internal scope. */
  readonly organizationId: string | null;
  readonly name: string;
  readonly status: ServiceAccountStatus;
}

/** What a service account is made from. */
export interface NewServiceAccount {
  readonly organizationId: string | null;
  readonly name: string;
  readonly description: string | null;
  readonly roleIds: readonly string[];
  /** The user who makes it; null where a service does. */
  readonly createdBy: string | null;
}
