// The codes alone: the package's main file loads the names of every country in 79 languages.
import countries from "i18n-iso-countries/index.js";
import { type ErrorDetail, invalid } from "#operation/declaration/errors.ts";
import { Email, Name, nullable, oneOf, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

/** An organization's status. */
export const OrganizationStatus = oneOf("Active", "Suspended");
export type OrganizationStatus = Static<typeof OrganizationStatus>;

/** An identifier in addresses: lower-case letters, digits, and single hyphens between them. */
export const Slug = Type.String({ pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", minLength: 2, maxLength: 63 });

/** ISO 3166-1 alpha-2. */
export const Country = Type.String({ pattern: "^[A-Z]{2}$" });

export const Organization = Type.Object({
  id: Uuid,
  name: Name,
  slug: Slug,
  status: OrganizationStatus,
  country: Country,
  logoAssetId: nullable(Uuid),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type Organization = Static<typeof Organization>;

const RoleOfMember = Type.Object({ id: Uuid, name: Name });

export const Membership = Type.Object({
  id: Uuid,
  userId: Uuid,
  organizationId: nullable(Uuid),
  /** The first of the roles, for clients that expect one role (decision 0003). */
  roleId: Uuid,
  roles: Type.Array(RoleOfMember),
  joinedAt: Timestamp,
  version: Type.Integer(),
});
export type Membership = Static<typeof Membership>;

/** A member in lists, with their user data. */
export const Member = Type.Object({
  ...Membership.properties,
  user: Type.Object({ email: Email, firstName: Name, lastName: Name, status: Type.String() }),
});
export type Member = Static<typeof Member>;

/** `Expired` is a pending invitation past its expiry time. */
export const InvitationStatus = oneOf("Pending", "Accepted", "Revoked", "Expired");
export type InvitationStatus = Static<typeof InvitationStatus>;

export const Invitation = Type.Object({
  id: Uuid,
  organizationId: Uuid,
  email: Email,
  roleIds: Type.Array(Uuid),
  status: InvitationStatus,
  expiresAt: Timestamp,
  createdAt: Timestamp,
});
export type Invitation = Static<typeof Invitation>;

/** One role or several (decision 0003): `roleId`, or `roleIds`. */
export const RoleChoice = {
  roleId: Type.Optional(Uuid),
  roleIds: Type.Optional(Type.Array(Uuid, { minItems: 1, maxItems: 20, uniqueItems: true })),
};

/** The requested role ids without duplicates, in lower case as in the database. */
export function chosenRoles(input: { readonly roleId?: string; readonly roleIds?: readonly string[] }): readonly string[] {
  if ((input.roleId === undefined) === (input.roleIds === undefined)) {
    throw invalid({ field: "roleId", rule: "one_of", message: "name either roleId or roleIds" });
  }
  return [...new Set((input.roleIds ?? [input.roleId as string]).map((id) => id.toLowerCase()))];
}

/** In the library's list and in use, but not assigned by ISO. */
const notAssigned = new Set(["XK"]);

/** The error detail for a code that is no country; undefined for a country. */
export const countryIssue = (code: string): ErrorDetail | undefined =>
  countries.isValid(code) && !notAssigned.has(code)
    ? undefined
    : { field: "country", rule: "iso3166", message: "is not an ISO 3166-1 alpha-2 country code, as VN" };
