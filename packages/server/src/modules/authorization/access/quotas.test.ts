import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { newPerson, type OrganizationOf, type Person, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const iam = "/api/v1/iam";
const world = World.ofSuite(["member"], {
  GATEHOUSE_QUOTA_ORGANIZATIONS: "3",
  GATEHOUSE_QUOTA_ROLES: "3",
  GATEHOUSE_QUOTA_GRANTS: "3",
  GATEHOUSE_QUOTA_INVITATIONS: "3",
  GATEHOUSE_QUOTA_SERVICE_ACCOUNTS: "3",
  GATEHOUSE_QUOTA_ATTRIBUTES_KB: "2",
});
const { server } = world;
let administrator: Person;
let organization: OrganizationOf;
let owner: string;
let member: Person;
beforeAll(async () => {
  ({ administrator, organization, member } = world);
  owner = organization.owner.token;
  await world.model({ resourceTypes: { Doc: { relations: { reader: { subjects: ["user"] } } } } });
});

const make: Readonly<Record<string, (n: number, token: string) => Promise<Answer<AnyBody>>>> = {
  organizations: (_n, token) =>
    server.call(`POST ${iam}/organizations`, { token, body: { name: `N ${unique()}`, slug: `n-${unique()}`, country: "VN" } }),
  roles: (_n, token) =>
    server.call(`POST ${iam}/roles`, { token, body: { name: `R ${unique()}`, scope: "Organization", organizationId: organization.id } }),
  grants: (n, token) =>
    server.call(`POST ${iam}/grants`, {
      token,
      body: {
        organizationId: organization.id,
        resource: { type: "Doc", id: `d${n} ${unique()}` },
        relation: "reader",
        subject: { type: "user", id: organization.owner.id },
      },
    }),
  invitations: (_n, token) =>
    server.call(`POST ${iam}/organizations/${organization.id}/invitations`, {
      token,
      body: { email: `${unique()}@example.test`, roleIds: [memberRole()] },
    }),
  serviceAccounts: (_n, token) =>
    server.call("POST /api/v1/service-accounts", {
      token,
      body: { organizationId: organization.id, name: `S ${unique()}`, roleIds: [memberRole()] },
    }),
};
const memberRole = (): string => world.roles["Member"] as string;
const refused = (what: string) => ({ code: "common.quota_exceeded", details: [{ field: what, rule: "quota", limit: 3 }] });

describe("the quota of an account or organization", () => {
  it.each(["organizations", "roles", "grants", "invitations", "serviceAccounts"])(
    "limits %s, even of twelve concurrent requests",
    async (what) => {
      const maker = what === "organizations" ? (await newPerson(server, "maker")).token : owner;
      const answers = await Promise.all(Array.from({ length: 12 }, (_none, n) => (make[what] as (typeof make)[string])(n, maker)));
      const made = answers.filter(({ status }) => status === 201);
      expect(made).toHaveLength(3);
      for (const answer of answers.filter(({ status }) => status !== 201)) {
        expect(answer.status).toBe(409);
        expect(answer.body.error).toMatchObject(refused(what));
      }
    },
  );

  it("counts a clone of a role as a role", async () => {
    const answer = await server.call(`POST ${iam}/roles/${memberRole()}/clone`, { token: owner, body: { name: `C ${unique()}` } });
    expectError(answer, 409, "common.quota_exceeded");
  });

  it("frees what was deleted", async () => {
    const { body } = await server.call(`GET ${iam}/roles?organizationId=${organization.id}&limit=200`, { token: owner });
    const own = body.items.find(({ isSystemRole }: AnyBody) => !isSystemRole);
    expectWritten(await server.call(`DELETE ${iam}/roles/${own.id}`, { token: owner }), 204);
    expect((await (make["roles"] as (typeof make)[string])(0, owner)).status).toBe(201);
    expect((await (make["roles"] as (typeof make)[string])(0, owner)).status).toBe(409);
  });

  it("does not limit a holder of Tenant.Update, and does not count another account's", async () => {
    for (let n = 0; n < 5; n += 1)
      expect((await (make["organizations"] as (typeof make)[string])(n, administrator.token)).status).toBe(201);
    const { token } = await newPerson(server, "fresh");
    expect((await (make["organizations"] as (typeof make)[string])(0, token)).status).toBe(201);
  });

  it("limits the bytes of attributes, of the organization and all members together", async () => {
    const text = (length: number) => ({ attributes: { note: "x".repeat(length) } });
    const ofOrganization = (body: AnyBody) => server.call(`PUT ${iam}/organizations/${organization.id}/attributes`, { token: owner, body });
    const ofMember = (body: AnyBody) =>
      server.call(`PUT ${iam}/organizations/${organization.id}/members/${member.id}/attributes`, { token: owner, body });
    expectWritten(await ofOrganization(text(1_000)), 200);
    expectWritten(await ofMember(text(900)), 200);
    // The same attributes again replace the stored ones.
    expectWritten(await ofMember(text(1_000)), 200);
    const two = { attributes: { note: "x".repeat(900), more: "y".repeat(300) } };
    const answer = await ofMember(two);
    expectError(answer, 409, "common.quota_exceeded");
    expect(answer.body.error.details).toMatchObject([{ field: "attributeBytes", rule: "quota", limit: 2_048 }]);
    expectWritten(await ofOrganization(text(1)), 200);
    expectWritten(await ofMember(two), 200);
  });
});
