import { expectOk } from "./answers.ts";
import { newClient } from "./clients.ts";
import {
  address,
  type Invitation,
  invite,
  joinAs,
  newOrganization,
  newPerson,
  newRole,
  type OrganizationOf,
  type Person,
  rolesOf,
  unique,
} from "./people.ts";
import type { AnyBody, TestServer } from "./server.ts";
import { newApiKey, newServiceAccount } from "./service-accounts.ts";

/**
 * What a world has on request, in addition to an administrator and an organization with its owner. Each takes time to make, so a test
 * names what it uses.
 *
 * - `admin`, `member`: a member with that system role, in each tenant.
 * - `nonMember`: a user without a membership.
 * - `other`: a second tenant.
 * - `both`: an owner of both tenants.
 * - `oneOfEach`: in each tenant and in the internal scope, one of everything that has an id; `schoolModel` is the model.
 */
export type Feature = "admin" | "member" | "nonMember" | "other" | "both" | "oneOfEach";

/** An organization and its people. A field that the world was not opened with throws when it is read. */
export interface Tenant {
  readonly organization: OrganizationOf;
  readonly id: string;
  readonly owner: Person;
  readonly admin: Person;
  readonly member: Person;
  /** The system roles by name. */
  readonly roles: Readonly<Record<string, string>>;
  readonly customRoleId: string;
  readonly membershipIds: Readonly<Record<"owner" | "admin" | "member", string>>;
  readonly invitation: Invitation;
  /** A session of the member. */
  readonly sessionId: string;
  /** A grant to the member. */
  readonly grantId: string;
  /** A service account with the role Member. */
  readonly serviceAccountId: string;
  /** An API key of the service account, created by the owner. */
  readonly apiKeyId: string;
  /** A token by which the owner acts for the member. */
  readonly exchangedTokenId: string;
  /** An OAuth client, and its secret. */
  readonly clientId: string;
  readonly secretId: string;
  /** An export of the audit log. */
  readonly exportId: string;
}

/** The model of `oneOfEach`. */
export const schoolModel = {
  resourceTypes: {
    group: { relations: { member: { subjects: ["user"] } } },
    school: {
      relations: { viewer: { subjects: ["user", "user:*", "role", "group#member"] } },
      permissions: { "Organization.ReadGrants": { allow: "viewer" } },
    },
  },
} as const;

/** The value of a field that the features of a world include. */
export function requested<Value>(value: Value | undefined, feature: Feature): Value {
  if (value === undefined) throw new Error(`the world was opened without "${feature}": add it where the test opens the world`);
  return value;
}

type Items = Pick<
  Tenant,
  | "customRoleId"
  | "invitation"
  | "sessionId"
  | "grantId"
  | "serviceAccountId"
  | "apiKeyId"
  | "exchangedTokenId"
  | "clientId"
  | "secretId"
  | "exportId"
>;

/** An organization with those of `admin`, `member` and `oneOfEach` that are wanted. */
export async function newTenant(server: TestServer, wanted: readonly Feature[]): Promise<Tenant> {
  const organization = await newOrganization(server);
  const { owner } = organization;
  const roles = await rolesOf(server, organization);
  const join = async (feature: "admin" | "member", role: string): Promise<Person | undefined> => {
    if (!wanted.includes(feature)) return undefined;
    const person = await newPerson(server, feature);
    await joinAs(server, organization, person, roles[role] as string);
    return person;
  };
  const admin = await join("admin", "Admin");
  const member = await join("member", "Member");
  const membershipIds = admin && member ? await membershipsOf(server, organization, { owner, admin, member }) : undefined;
  const items = wanted.includes("oneOfEach") ? await newItems(server, organization, requested(member, "member"), roles) : undefined;
  const item = <Name extends keyof Items>(name: Name): Items[Name] => requested(items, "oneOfEach")[name];
  return {
    organization,
    id: organization.id,
    owner,
    roles,
    get admin() {
      return requested(admin, "admin");
    },
    get member() {
      return requested(member, "member");
    },
    get membershipIds() {
      return requested(membershipIds, admin ? "member" : "admin");
    },
    get customRoleId() {
      return item("customRoleId");
    },
    get invitation() {
      return item("invitation");
    },
    get sessionId() {
      return item("sessionId");
    },
    get grantId() {
      return item("grantId");
    },
    get serviceAccountId() {
      return item("serviceAccountId");
    },
    get apiKeyId() {
      return item("apiKeyId");
    },
    get exchangedTokenId() {
      return item("exchangedTokenId");
    },
    get clientId() {
      return item("clientId");
    },
    get secretId() {
      return item("secretId");
    },
    get exportId() {
      return item("exportId");
    },
  };
}

async function membershipsOf(
  server: TestServer,
  { id, owner: { token } }: OrganizationOf,
  people: Readonly<Record<"owner" | "admin" | "member", Person>>,
): Promise<Tenant["membershipIds"]> {
  const { items } = await expectOk(server.call(`GET /api/v1/iam/organizations/${id}/memberships`, { token }));
  const idOf = (person: Person): string => items.find(({ userId }: AnyBody) => userId === person.id).id;
  return { owner: idOf(people.owner), admin: idOf(people.admin), member: idOf(people.member) };
}

async function newItems(server: TestServer, organization: OrganizationOf, member: Person, roles: Tenant["roles"]): Promise<Items> {
  const { id: organizationId, owner } = organization;
  const sessions = await expectOk(server.call("GET /api/v1/iam/auth/sessions", { token: member.token }));
  const auditExport = await expectOk(server.call("POST /api/v1/audit/exports", { token: owner.token, body: { organizationId } }));
  const { id: serviceAccountId } = await newServiceAccount(server, owner.token, organizationId, [roles["Member"] as string]);
  const client = await newClient(server, owner.token, { organizationId });
  return {
    customRoleId: (await newRole(server, organization)).id,
    invitation: await invite(server, organization, address("invited"), roles["Member"] as string),
    sessionId: sessions.items[0].id,
    grantId: (await newGrant(server, organization, { type: "user", id: member.id })).id,
    serviceAccountId,
    apiKeyId: (await newApiKey(server, owner.token, { organizationId, owner: "service", serviceAccountId })).id,
    exchangedTokenId: await exchangedTokenOf(server, organization, member),
    clientId: client.id,
    secretId: client.secrets[0].id,
    exportId: auditExport.id,
  };
}

async function exchangedTokenOf(server: TestServer, { id: organizationId, owner }: OrganizationOf, member: Person): Promise<string> {
  const body = { organizationId, userId: member.id, scopes: ["Organization.Read"], reason: "a ticket" };
  return (await expectOk(server.call("POST /api/v1/token/impersonate", { token: owner.token, body }))).tokenId;
}

/** Makes a subject of `schoolModel` a viewer of a school that no other grant is about. */
export async function newGrant(
  server: TestServer,
  { id: organizationId, owner }: Pick<OrganizationOf, "id" | "owner">,
  subject: { readonly type: string; readonly id: string },
): Promise<AnyBody> {
  const body = { organizationId, resource: { type: "school", id: unique() }, relation: "viewer", subject };
  return expectOk(server.call("POST /api/v1/iam/grants", { token: owner.token, body }));
}
