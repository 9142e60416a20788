import { randomBytes } from "node:crypto";
import { eventually } from "@gatehouse/testing/until.ts";
import { type Application, administrator } from "./application.ts";
import type { HttpClient } from "./http.ts";

const api = "/api/v1/iam";

export interface Person {
  readonly id: string;
  readonly email: string;
  password: string;
  token: string;
}

/** An organization with its owner, one member, and two roles that the member gets alternately. */
export interface School {
  readonly id: string;
  readonly owner: Person;
  readonly member: Person;
  readonly membershipId: string;
  readonly roles: readonly [string, string];
}

/** The model of the scenarios: documents of schools, and the permission to read one. */
const model = {
  resourceTypes: {
    Document: { relations: { reader: { subjects: ["user"] } }, permissions: { "Document.Read": { allow: "reader" } } },
  },
};

export async function openWorld(application: Application, schools: number): Promise<readonly School[]> {
  const { http } = application;
  const token = await signIn(http, administrator);
  for (const body of [
    { value: "Document", scope: "Organization" },
    { value: "Document.Read", scope: "Organization", parent: "Document" },
    { value: "Document.Write", scope: "Organization", parent: "Document" },
  ]) {
    await http.must(201, `POST ${api}/permissions`, { token, body });
  }
  await http.must(200, `PUT ${api}/authorization/model`, { token, body: { model } });
  return Promise.all(Array.from({ length: schools }, () => newSchool(application)));
}

async function newSchool(application: Application): Promise<School> {
  const { http } = application;
  const [owner, member] = await Promise.all([newPerson(application, "owner"), newPerson(application, "member")]);
  const name = `School ${unique()}`;
  const { body } = await http.must(201, `POST ${api}/organizations`, {
    token: owner.token,
    body: { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" },
  });
  const roles = (await Promise.all([newRole(http, owner, body.id), newRole(http, owner, body.id)])) as [string, string];
  const membershipId = await join(application, owner, body.id, member, roles[0]);
  return { id: body.id, owner, member, membershipId, roles };
}

async function newRole(http: HttpClient, { token }: Person, organizationId: string): Promise<string> {
  const role = await http.must(201, `POST ${api}/roles`, {
    token,
    body: { name: `Role ${unique()}`, scope: "Organization", organizationId },
  });
  await http.must(200, `POST ${api}/roles/${role.body.id}/permissions`, { token, body: { permissions: ["Document.Write"] } });
  return role.body.id;
}

async function join(application: Application, owner: Person, organizationId: string, person: Person, roleId: string): Promise<string> {
  const { http } = application;
  const invited = await http.must(201, `POST ${api}/organizations/${organizationId}/invitations`, {
    token: owner.token,
    body: { email: person.email, roleId },
  });
  const token = await tokenMailed(application, person.email, `/invitations/${invited.body.id}/`);
  const { body } = await http.must(200, `POST ${api}/invitations/${invited.body.id}/accept`, { token: person.token, body: { token } });
  return body.id;
}

async function newPerson(application: Application, name: string): Promise<Person> {
  const { http } = application;
  const email = `${name}-${unique()}@example.com`;
  const { password } = administrator;
  await http.must(201, `POST ${api}/auth/register`, { body: { email, password, firstName: name, lastName: "Test", locale: "en" } });
  const { body } = await http.must(200, `POST ${api}/auth/verify-email`, {
    body: { token: await tokenMailed(application, email, "/verify-email") },
  });
  return { id: body.id, email, password, token: await signIn(http, { email, password }) };
}

export async function signIn(http: HttpClient, person: { readonly email: string; readonly password: string }): Promise<string> {
  const { email, password } = person;
  const { body } = await http.must(200, `POST ${api}/auth/login`, { body: { email, password } });
  return body.sessionToken;
}

/** Mails are sent by a job; the job of a killed worker is retried after its expiry. */
export const mailWithinMs = 60_000;

/** Waits for the newest mail to an address whose link contains `about`, and returns the token in the link. */
export function tokenMailed({ mails }: Application, to: string, about: string, skip = 0): Promise<string> {
  return eventually(
    () => {
      const texts = mails.received.filter((mail) => mail.to.includes(to) && mail.text.includes(about)).slice(skip);
      const token = /[?&]token=([\w-]+)/.exec(texts.at(-1)?.text ?? "")?.[1];
      if (token === undefined) throw new Error(`no mail with ${about} came for ${to}`);
      return token;
    },
    { withinMs: mailWithinMs },
  );
}

export const unique = (): string => randomBytes(6).toString("hex");
