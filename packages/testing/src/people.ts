import { randomBytes } from "node:crypto";
import { sql } from "kysely";
import { expectOk } from "./answers.ts";
import { type AnyBody, asOperator, type TestServer } from "./server.ts";

export const password = "a quiet green harbour";

/** A user who can sign in, with a session without an organization. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly token: string;
}

export const unique = (): string => randomBytes(5).toString("hex");

/** A client address that no other test calls from. Rate limits count by address. */
export const anAddress = (): string => `10.${[...randomBytes(3)].join(".")}`;

/** An email address that no user has. */
export const address = (name: string): string => `${name}-${unique()}@example.com`;

/** An id that nothing has. */
export const unknownId = "0198c0de-0000-7000-8000-000000000000";

/** The body of a registration. */
export const registration = (overrides: Readonly<Record<string, unknown>> = {}) => ({
  email: address("newcomer"),
  password,
  firstName: "Lan",
  lastName: "Tran",
  locale: "en",
  ...overrides,
});

/** The token in the link of a mail. */
export const tokenIn = (mail: { readonly links: readonly string[] }): string =>
  new URL(mail.links[0] as string).searchParams.get("token") as string;

/** A user with a confirmed address, signed in. Created as by the command line: a registration takes twice as long. */
export const newPerson = (server: TestServer, name = "person"): Promise<Person> =>
  createUser(server, { email: address(name), firstName: name });

/** An internal administrator. */
export const newAdministrator = (server: TestServer): Promise<Person> =>
  createUser(server, { email: address("administrator"), firstName: "An", administrator: true });

async function createUser(server: TestServer, user: { email: string; firstName: string; administrator?: boolean }): Promise<Person> {
  const { id } = await asOperator(server, "authentication.createUser", { password, lastName: "Test", ...user });
  return { id, email: user.email, token: await signIn(server, user.email) };
}

/** Registers, confirms the address and signs in. */
export async function newcomer(server: TestServer, name = "newcomer"): Promise<Person> {
  const body = registration({ email: address(name), firstName: name, lastName: "Test" });
  const from = anAddress();
  await expectOk(server.call("POST /api/v1/iam/auth/register", { from, body }));
  const token = await mailedToken(server, body.email, "verify-email");
  const { id } = await expectOk(server.call("POST /api/v1/iam/auth/verify-email", { from, body: { token } }));
  return { id, email: body.email, token: await signIn(server, body.email) };
}

export async function signIn(server: TestServer, email: string, organizationId?: string): Promise<string> {
  const body = { email, password, ...(organizationId === undefined ? {} : { organizationId }) };
  return (await expectOk(server.call("POST /api/v1/iam/auth/login", { from: anAddress(), body }))).sessionToken;
}

export interface OrganizationOf {
  readonly id: string;
  readonly owner: Person;
  readonly body: AnyBody;
}

/** An organization with a new person as its owner. */
export async function newOrganization(server: TestServer, owner?: Person): Promise<OrganizationOf> {
  const person = owner ?? (await newPerson(server, "owner"));
  const name = `School ${unique()}`;
  const draft = { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" };
  const body = await expectOk(server.call("POST /api/v1/iam/organizations", { token: person.token, body: draft }));
  return { id: body.id, owner: person, body };
}

type Organization = Pick<OrganizationOf, "id" | "owner">;

/** The roles of an organization by name. */
export async function rolesOf(server: TestServer, { id, owner }: Organization): Promise<Readonly<Record<string, string>>> {
  const { items } = await expectOk(server.call(`GET /api/v1/iam/roles?organizationId=${id}`, { token: owner.token }));
  return Object.fromEntries(items.map((role: AnyBody) => [role.name, role.id]));
}

/** A new role of the organization that gives `permissions`. */
export async function newRole(
  server: TestServer,
  { id: organizationId, owner }: Organization,
  permissions: readonly string[] = [],
  { token }: Pick<Person, "token"> = owner,
): Promise<{ readonly id: string; readonly version: number }> {
  const body = { name: `Role ${unique()}`, scope: "Organization", organizationId };
  const role = await expectOk(server.call("POST /api/v1/iam/roles", { token, body }));
  if (permissions.length === 0) return role;
  return expectOk(server.call(`POST /api/v1/iam/roles/${role.id}/permissions`, { token, body: { permissions } }));
}

export interface Invitation {
  readonly id: string;
  readonly email: string;
  readonly token: string;
}

/** Invites as the owner, unless another member invites. Returns the token that was mailed for this invitation. */
export async function invite(
  server: TestServer,
  { id: organizationId, owner }: Organization,
  email: string,
  roleId: string,
  { token }: Pick<Person, "token"> = owner,
): Promise<Invitation> {
  const route = `POST /api/v1/iam/organizations/${organizationId}/invitations`;
  const { id } = await expectOk(server.call(route, { token, body: { email, roleId } }));
  return { id, email, token: await mailedToken(server, email, id) };
}

/** Invites a person with a role and accepts for them; returns the membership. */
export async function joinAs(server: TestServer, organization: Organization, person: Person, roleId: string): Promise<AnyBody> {
  const { id, token } = await invite(server, organization, person.email, roleId);
  return expectOk(server.call(`POST /api/v1/iam/invitations/${id}/accept`, { token: person.token, body: { token } }));
}

/** A new internal role that gives `permissions`; returns its id. */
export async function newInternalRole(server: TestServer, { token }: Person, permissions: readonly string[] = []): Promise<string> {
  const body = { name: `Internal ${unique()}`, scope: "Internal" };
  const { id } = await expectOk(server.call("POST /api/v1/iam/roles", { token, body }));
  if (permissions.length > 0) await expectOk(server.call(`POST /api/v1/iam/roles/${id}/permissions`, { token, body: { permissions } }));
  return id;
}

export interface Member extends Person {
  readonly membershipId: string;
}

/** A new member with a role of their own that gives `permissions`. */
export async function newMember(
  server: TestServer,
  organization: Organization,
  permissions: readonly string[] = [],
  name = "member",
): Promise<Member & { readonly roleId: string }> {
  const { id: roleId } = await newRole(server, organization, permissions);
  const person = await newPerson(server, name);
  return { ...person, roleId, membershipId: (await joinAs(server, organization, person, roleId)).id };
}

/** A mail is queued by the change itself or by a job that follows at once; one that takes longer is lost. */
const mailWaitMs = 15_000;
/** No test sends more mails than this at one time. */
const newestMails = 100;

/**
 * The token of the newest queued mail to `to` whose template is `marked`, or whose data contain `marked`. Reads the queue, so that a
 * test does not wait until the mail is sent.
 */
export async function mailedToken(server: TestServer, to: string, marked = ""): Promise<string> {
  const { database, keys } = server.application.platform;
  const deadline = Date.now() + mailWaitMs;
  while (Date.now() < deadline) {
    const { rows } = await sql<{ encrypted: string; template: string }>`
      select data->>'sealed' as encrypted, data->>'template' as template from jobs.job
      where name = 'notifications.send-mail' order by created_on desc limit ${newestMails}`.execute(database.owner);
    for (const { encrypted, template } of rows) {
      const text = keys.decrypt(encrypted, "mail data");
      const mail = JSON.parse(text);
      if (mail.to === to && (template === marked || text.includes(marked)) && mail.data.token) return mail.data.token;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`no mail with ${marked} was queued for ${to}`);
}
