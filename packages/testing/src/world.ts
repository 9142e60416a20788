import { createHash } from "node:crypto";
import { sql } from "kysely";
import { expectOk } from "./ask.ts";
import { newAdministrator, newOrganization, newPerson, type OrganizationOf, type Person, signIn, unique } from "./people.ts";
import type { AnyBody, TestServer } from "./server.ts";

/** An organization with somebody at each height, and one of everything that has an id. */
export interface Tenant {
  readonly organization: OrganizationOf;
  readonly id: string;
  readonly owner: Person;
  readonly admin: Person;
  readonly member: Person;
  /** The system roles by name. */
  readonly roles: Readonly<Record<string, string>>;
  /** A role that was made here. */
  readonly customRoleId: string;
  readonly membershipIds: Readonly<Record<"owner" | "admin" | "member", string>>;
  readonly invitation: { readonly id: string; readonly token: string; readonly email: string };
  /** A session of the member. */
  readonly sessionId: string;
  /** A grant to the member. */
  readonly grantId: string;
  /** A service account with the role Member. */
  readonly serviceAccountId: string;
  /** An API key of the service account, made by the owner. */
  readonly apiKeyId: string;
  /** An export of the audit log. */
  readonly exportId: string;
}

/** What the world's grants and conditions are written in. */
export const model = {
  resourceTypes: {
    group: { relations: { member: { subjects: ["user"] } } },
    school: {
      relations: { viewer: { subjects: ["user", "user:*", "role", "group#member"] } },
      permissions: { "Organization.ReadGrants": { allow: "viewer" } },
    },
  },
} as const;

/** Two tenants that must not know of each other, and the internal scope above both. */
export interface World {
  readonly server: TestServer;
  readonly own: Tenant;
  readonly other: Tenant;
  readonly administrator: Person;
  /** The internal Administrator role, and one that was made there. */
  readonly administratorRoleId: string;
  readonly internalRoleId: string;
  /** An owner of `own` and of `other` alike, with a session that was begun for `own`. */
  readonly both: { readonly person: Person; readonly sessionForOwn: string };
}

export async function makeWorld(server: TestServer): Promise<World> {
  const administrator = await newAdministrator(server);
  await expectOk(server.call("PUT /api/v1/iam/authorization/model", { token: administrator.token, body: { model } }));
  const own = await makeTenant(server);
  const other = await makeTenant(server);
  const person = await newPerson(server, "both");
  for (const { id, owner, roles } of [own, other]) {
    await join(server, { organizationId: id, token: owner.token, roleId: roles["Owner"] as string }, person);
  }
  const listed = await expectOk(server.call("GET /api/v1/iam/roles", { token: administrator.token }));
  const made = await expectOk(
    server.call("POST /api/v1/iam/roles", { token: administrator.token, body: { name: `Clerk ${unique()}`, scope: "Internal" } }),
  );
  return {
    server,
    own,
    other,
    administrator,
    administratorRoleId: listed.items.find((role: AnyBody) => role.name === "Administrator").id,
    internalRoleId: made.id,
    both: { person, sessionForOwn: await signIn(server, person.email, own.id) },
  };
}

async function makeTenant(server: TestServer): Promise<Tenant> {
  const owner = await newPerson(server, "owner");
  const organization = await newOrganization(server, owner);
  const { id } = organization;
  const token = owner.token;
  const listed = await expectOk(server.call(`GET /api/v1/iam/roles?organizationId=${id}`, { token }));
  const roles: Record<string, string> = Object.fromEntries(listed.items.map((role: AnyBody) => [role.name, role.id]));
  const custom = await newRole(server, token, id);
  const admin = await newPerson(server, "admin");
  const member = await newPerson(server, "member");
  await join(server, { organizationId: id, token, roleId: roles["Admin"] as string }, admin);
  await join(server, { organizationId: id, token, roleId: roles["Member"] as string }, member);
  const members = await expectOk(server.call(`GET /api/v1/iam/organizations/${id}/memberships`, { token }));
  const membershipOf = (person: Person): string => members.items.find((one: AnyBody) => one.userId === person.id).id;
  const serviceAccountId: string = (await newServiceAccount(server, token, id, [roles["Member"] as string])).id;
  const sessions = await expectOk(server.call("GET /api/v1/iam/auth/sessions", { token: member.token }));
  return {
    organization,
    id,
    owner,
    admin,
    member,
    roles,
    customRoleId: custom.id,
    membershipIds: { owner: membershipOf(owner), admin: membershipOf(admin), member: membershipOf(member) },
    invitation: await invite(server, { organizationId: id, token, email: address("invited"), roleId: roles["Member"] as string }),
    sessionId: sessions.items[0].id,
    grantId: (await newGrant(server, token, id, { type: "user", id: member.id })).id,
    serviceAccountId,
    apiKeyId: (await newApiKey(server, token, { organizationId: id, owner: "service", serviceAccountId })).id,
    exportId: (await expectOk(server.call("POST /api/v1/audit/exports", { token, body: { organizationId: id } }))).id,
  };
}

export const address = (name: string): string => `${name}-${unique()}@example.com`;

export async function newRole(server: TestServer, token: string, organizationId: string): Promise<AnyBody> {
  return expectOk(
    server.call("POST /api/v1/iam/roles", { token, body: { name: `Role ${unique()}`, scope: "Organization", organizationId } }),
  );
}

/** A service account of an organization, or of the internal scope (null). */
export async function newServiceAccount(
  server: TestServer,
  token: string,
  organizationId: string | null,
  roleIds: readonly string[],
): Promise<AnyBody> {
  return expectOk(server.call("POST /api/v1/service-accounts", { token, body: { organizationId, name: `Service ${unique()}`, roleIds } }));
}

/** An API key that may read the organization; the answer has its secret. */
export async function newApiKey(server: TestServer, token: string, fields: Readonly<Record<string, unknown>>): Promise<AnyBody> {
  const body = { name: `Key ${unique()}`, scopes: ["Organization.Read"], ...fields };
  return expectOk(server.call("POST /api/v1/api-keys", { token, body }));
}

/** Makes a subject a viewer of a school that no other grant is about. */
export async function newGrant(
  server: TestServer,
  token: string,
  organizationId: string,
  subject: { readonly type: string; readonly id: string },
): Promise<AnyBody> {
  const body = { organizationId, resource: { type: "school", id: unique() }, relation: "viewer", subject };
  return expectOk(server.call("POST /api/v1/iam/grants", { token, body }));
}

interface Invite {
  readonly organizationId: string;
  readonly token: string;
  readonly email: string;
  readonly roleId: string;
}

/** Invites and returns the token that was mailed for this very invitation. */
export async function invite(server: TestServer, { organizationId, token, email, roleId }: Invite): Promise<Tenant["invitation"]> {
  const { id } = await expectOk(
    server.call(`POST /api/v1/iam/organizations/${organizationId}/invitations`, { token, body: { email, roleId } }),
  );
  return { id, email, token: await mailedToken(server, email, id) };
}

/** Makes a person a member, as an inviter and that person do; returns the membership. */
export async function join(server: TestServer, by: Omit<Invite, "email">, person: Person): Promise<AnyBody> {
  const { id, token } = await invite(server, { ...by, email: person.email });
  return expectOk(server.call(`POST /api/v1/iam/invitations/${id}/accept`, { token: person.token, body: { token } }));
}

/** A mail is put into the queue with the change itself, or by a job that follows at once; one that takes longer is lost. */
const mailWaitMs = 15_000;
/** More mails at one moment than this no test sends. */
const newestMails = 100;

/**
 * The token of the newest mail to `to` that is of the template `marked`, or whose data contain it. From the queue, so that
 * no test waits for the sending of mails that it is not about.
 */
export async function mailedToken(server: TestServer, to: string, marked = ""): Promise<string> {
  const { database, keys } = server.application.platform;
  const deadline = Date.now() + mailWaitMs;
  while (Date.now() < deadline) {
    const { rows } = await sql<{
      sealed: string;
      template: string;
    }>`select data->>'sealed' as sealed, data->>'template' as template from jobs.job
      where name = 'notifications.send-mail' order by created_on desc limit ${newestMails}`.execute(database.owner);
    for (const { sealed, template } of rows) {
      const opened = keys.decrypt(sealed, "mail data");
      const mail = JSON.parse(opened);
      if (mail.to === to && (template === marked || opened.includes(marked)) && mail.data.token) return mail.data.token;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`no mail with ${marked} was put into the queue for ${to}`);
}

/** Opens the one-time set-up, as a start without an administrator does. */
export async function openSetUp(server: TestServer): Promise<string> {
  const token = `set-up-${unique()}${unique()}`;
  const hashed = createHash("sha256").update(token).digest("hex");
  await sql`insert into one_time_tokens (hash, purpose, created_at) values (${hashed}, 'set-up', now())
    on conflict (purpose) where purpose = 'set-up' and used_at is null do update set hash = excluded.hash`.execute(
    server.application.platform.database.owner,
  );
  return token;
}
