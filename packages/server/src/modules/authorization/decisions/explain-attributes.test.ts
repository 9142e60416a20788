import { expectWritten } from "@gatehouse/testing/answers.ts";
import {
  joinAs,
  newAdministrator,
  newOrganization,
  newPerson,
  type OrganizationOf,
  type Person,
  unique,
} from "@gatehouse/testing/people.ts";
import { type AnyBody, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const iam = "/api/v1/iam";
const secret = "the salary of a minister";
let server: TestServer;
let administrator: Person;
let organization: OrganizationOf;
let action: string;
let member: Person;
let helpdesk: Person;

async function newRole(permissions: readonly string[]): Promise<string> {
  const { token } = organization.owner;
  const body = { name: `Role ${unique()}`, scope: "Organization", organizationId: organization.id };
  const { body: role } = await server.call(`POST ${iam}/roles`, { token, body });
  if (permissions.length > 0)
    expectWritten(await server.call(`POST ${iam}/roles/${role.id}/permissions`, { token, body: { permissions } }), 200);
  return role.id;
}

beforeAll(async () => {
  server = await startTestServer();
  administrator = await newAdministrator(server);
  organization = await newOrganization(server);
  const { token } = organization.owner;
  const product = `Pay${unique()}`;
  action = `${product}.Read`;
  for (const value of [product, action])
    expectWritten(
      await server.call(`POST ${iam}/permissions`, { token: administrator.token, body: { value, scope: "Organization" } }),
      201,
    );
  const role = await newRole([]);
  const condition = {
    all: [
      { operator: "equals", left: "$request.note", right: "$user.note" },
      { not: { operator: "equals", left: "$tenant.plan", right: "$user.id" } },
    ],
  };
  expectWritten(await server.call(`PUT ${iam}/roles/${role}/permissions/${action}`, { token, body: { condition } }), 200);
  member = await newPerson(server, "member");
  await joinAs(server, organization, member, role);
  helpdesk = await newPerson(server, "helpdesk");
  await joinAs(server, organization, helpdesk, await newRole(["Organization.CheckAccess"]));
  const setAttributes = (path: string, attributes: object) =>
    server.call(`PUT ${iam}/organizations/${organization.id}${path}/attributes`, { token, body: { attributes } });
  expectWritten(await setAttributes(`/members/${member.id}`, { note: secret }), 200);
  expectWritten(await setAttributes("", { plan: secret }), 200);
});
afterAll(() => server.close());

async function explained(by: Person, note: string): Promise<{ readonly body: AnyBody; readonly text: string }> {
  const body = { userId: member.id, tenantId: organization.id, actionType: action, contextData: { note } };
  const answer = await server.call(`POST ${iam}/authorization/explain`, { token: by.token, body });
  expect(answer.status).toBe(200);
  return { body: answer.body, text: JSON.stringify(answer.body) };
}

describe("an explanation shows attributes", () => {
  it("to the owner, with the compared values", async () => {
    const { text } = await explained(organization.owner, "other");
    expect(text.split(secret).length).toBeGreaterThan(2);
  });

  it.each(["other", secret])("to no caller without the permission, allowed or denied, for the request value %s", async (note) => {
    for (const reader of [helpdesk, member]) {
      const { body, text } = await explained(reader, note);
      expect(body.isAuthorized).toBe(note === secret);
      expect(text.split(secret)).toHaveLength(note === secret ? 2 : 1);
      const [compared, negated] = body.steps.find(({ part }: AnyBody) => part === "role").condition.parts;
      expect(compared.values).toEqual({ "$request.note": note, "$user.note": { hidden: true } });
      expect(negated.parts[0].values).toEqual({ "$tenant.plan": { hidden: true }, "$user.id": member.id });
    }
  });

  it("to a caller with the permission", async () => {
    const reader = await newPerson(server, "reader");
    await joinAs(server, organization, reader, await newRole(["Organization.CheckAccess", "Organization.ReadAttributes"]));
    expect((await explained(reader, "other")).text).toContain(secret);
  });
});
