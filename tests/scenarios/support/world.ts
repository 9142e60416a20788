import { randomBytes } from "node:crypto";
import { eventually } from "@gatehouse/testing/until.ts";
import type { Door } from "./door.ts";
import { administrator, type House } from "./house.ts";

const api = "/api/v1/iam";

export interface Person {
  readonly id: string;
  readonly email: string;
  password: string;
  token: string;
}

/** An organization with its owner, one member, and two roles that the member has in turn. */
export interface School {
  readonly id: string;
  readonly owner: Person;
  readonly member: Person;
  readonly membershipId: string;
  readonly roles: readonly [string, string];
}

/** What the product is for here: schools with documents, and a right to read a single one. */
const model = {
  resourceTypes: {
    Document: { relations: { reader: { subjects: ["user"] } }, permissions: { "Document.Read": { allow: "reader" } } },
  },
};

export async function openWorld(house: House, schools: number): Promise<readonly School[]> {
  const { door } = house;
  const token = await signIn(door, administrator);
  for (const body of [
    { value: "Document", scope: "Organization" },
    { value: "Document.Read", scope: "Organization", parent: "Document" },
    { value: "Document.Write", scope: "Organization", parent: "Document" },
  ]) {
    await door.must(201, `POST ${api}/permissions`, { token, body });
  }
  await door.must(200, `PUT ${api}/authorization/model`, { token, body: { model } });
  return Promise.all(Array.from({ length: schools }, () => newSchool(house)));
}

async function newSchool(house: House): Promise<School> {
  const { door } = house;
  const [owner, member] = await Promise.all([newPerson(house, "owner"), newPerson(house, "member")]);
  const name = `School ${unique()}`;
  const { body } = await door.must(201, `POST ${api}/organizations`, {
    token: owner.token,
    body: { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" },
  });
  const roles = (await Promise.all([newRole(door, owner, body.id), newRole(door, owner, body.id)])) as [string, string];
  const membershipId = await join(house, owner, body.id, member, roles[0]);
  return { id: body.id, owner, member, membershipId, roles };
}

async function newRole(door: Door, { token }: Person, organizationId: string): Promise<string> {
  const role = await door.must(201, `POST ${api}/roles`, {
    token,
    body: { name: `Role ${unique()}`, scope: "Organization", organizationId },
  });
  await door.must(200, `POST ${api}/roles/${role.body.id}/permissions`, { token, body: { permissions: ["Document.Write"] } });
  return role.body.id;
}

async function join(house: House, owner: Person, organizationId: string, person: Person, roleId: string): Promise<string> {
  const { door } = house;
  const invited = await door.must(201, `POST ${api}/organizations/${organizationId}/invitations`, {
    token: owner.token,
    body: { email: person.email, roleId },
  });
  const token = await tokenMailed(house, person.email, `/invitations/${invited.body.id}/`);
  const { body } = await door.must(200, `POST ${api}/invitations/${invited.body.id}/accept`, { token: person.token, body: { token } });
  return body.id;
}

async function newPerson(house: House, name: string): Promise<Person> {
  const { door } = house;
  const email = `${name}-${unique()}@example.com`;
  const { password } = administrator;
  await door.must(201, `POST ${api}/auth/register`, { body: { email, password, firstName: name, lastName: "Test", locale: "en" } });
  const { body } = await door.must(200, `POST ${api}/auth/verify-email`, {
    body: { token: await tokenMailed(house, email, "/verify-email") },
  });
  return { id: body.id, email, password, token: await signIn(door, { email, password }) };
}

export async function signIn(door: Door, person: { readonly email: string; readonly password: string }): Promise<string> {
  const { email, password } = person;
  const { body } = await door.must(200, `POST ${api}/auth/login`, { body: { email, password } });
  return body.sessionToken;
}

/** Mails are sent by a job; one that a killed worker has held is tried again when its time is over. */
export const mailWithinMs = 60_000;

/** Waits for the newest mail to an address whose link has `about` in it, and takes the token out of the link. */
export function tokenMailed({ mails }: House, to: string, about: string, skip = 0): Promise<string> {
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
