import { randomBytes } from "node:crypto";
import { type AnyBody, asOperator, type TestServer } from "./server.ts";

export const password = "a quiet green harbour";

/** A user who can sign in, with a session without an organization. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly token: string;
}

export const unique = (): string => randomBytes(5).toString("hex");

/** A client's address that no other test calls from: limits are counted by address. */
export const anAddress = (): string => `10.${[...randomBytes(3)].join(".")}`;

/** What a newcomer registers with. */
export const registration = (overrides: Readonly<Record<string, unknown>> = {}) => ({
  email: `newcomer-${unique()}@example.com` as string,
  password,
  firstName: "Lan",
  lastName: "Tran",
  locale: "en",
  ...overrides,
});

/** The token in the link of a mail. */
export const tokenIn = (mail: { readonly links: readonly string[] }): string =>
  new URL(mail.links[0] as string).searchParams.get("token") as string;

/** A user with a confirmed address, signed in. Made as the command line makes one: a registration takes twice as long. */
export async function newPerson(server: TestServer, name = "person"): Promise<Person> {
  const email = `${name}-${unique()}@example.com`;
  const user = await asOperator(server, "authentication.createUser", { email, password, firstName: name, lastName: "Test" });
  return { id: user.id, email, token: await signIn(server, email) };
}

/** Registers, confirms and signs in, as a newcomer does. */
export async function newcomer(server: TestServer, name = "newcomer"): Promise<Person> {
  const email = `${name}-${unique()}@example.com`;
  const from = anAddress();
  await expectStatus(
    201,
    server.call("POST /api/v1/iam/auth/register", { from, body: registration({ email, firstName: name, lastName: "Test" }) }),
  );
  const token = tokenIn(await server.mail(email, "verify-email"));
  const { body } = await expectStatus(200, server.call("POST /api/v1/iam/auth/verify-email", { from, body: { token } }));
  return { id: body.id, email, token: await signIn(server, email) };
}

export async function signIn(server: TestServer, email: string, organizationId?: string): Promise<string> {
  const { body } = await expectStatus(
    200,
    server.call("POST /api/v1/iam/auth/login", {
      from: anAddress(),
      body: { email, password, ...(organizationId ? { organizationId } : {}) },
    }),
  );
  return body.sessionToken;
}

/** An internal administrator. */
export async function newAdministrator(server: TestServer): Promise<Person> {
  const email = `administrator-${unique()}@example.com`;
  const user = await asOperator(server, "authentication.createUser", {
    email,
    password,
    firstName: "An",
    lastName: "Administrator",
    administrator: true,
  });
  return { id: user.id, email, token: await signIn(server, email) };
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
  const { body } = await expectStatus(
    201,
    server.call("POST /api/v1/iam/organizations", {
      token: person.token,
      body: { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" },
    }),
  );
  return { id: body.id, owner: person, body };
}

/** The roles of an organization by name. */
export async function rolesOf(server: TestServer, organization: OrganizationOf): Promise<Readonly<Record<string, string>>> {
  const { body } = await expectStatus(
    200,
    server.call(`GET /api/v1/iam/roles?organizationId=${organization.id}`, { token: organization.owner.token }),
  );
  return Object.fromEntries(body.items.map((role: AnyBody) => [role.name, role.id]));
}

/** Invites a person with a role and accepts for them; returns the membership. */
export async function joinAs(server: TestServer, organization: OrganizationOf, person: Person, roleId: string): Promise<AnyBody> {
  const invited = await expectStatus(
    201,
    server.call(`POST /api/v1/iam/organizations/${organization.id}/invitations`, {
      token: organization.owner.token,
      body: { email: person.email, roleId },
    }),
  );
  const mail = await server.mail(person.email, "invitation", invited.body.id);
  const { body } = await expectStatus(
    200,
    server.call(`POST /api/v1/iam/invitations/${invited.body.id}/accept`, { token: person.token, body: { token: tokenIn(mail) } }),
  );
  return body;
}

export async function expectStatus<Body>(
  status: number,
  answer: Promise<{ status: number; body: Body }>,
): Promise<{ status: number; body: Body }> {
  const given = await answer;
  if (given.status !== status) throw new Error(`expected ${status}, got ${given.status}: ${JSON.stringify(given.body)}`);
  return given;
}
