import { expectWritten } from "@gatehouse/testing/answers.ts";
import { newMember, type OrganizationOf, type Person, unique } from "@gatehouse/testing/people.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const iam = "/api/v1/iam";
const secret = "the salary of a minister";
const world = World.ofSuite();
const { server } = world;
let organization: OrganizationOf;
let action: string;
let member: Person;
let helpdesk: Person;

beforeAll(async () => {
  ({ organization } = world);
  const product = `Pay${unique()}`;
  action = `${product}.Read`;
  await world.define(product, action);
  const role = await world.roleWith(action, {
    condition: {
      all: [
        { operator: "equals", left: "$request.note", right: "$user.note" },
        { not: { operator: "equals", left: "$tenant.plan", right: "$user.id" } },
      ],
    },
  });
  member = await world.person(role);
  helpdesk = await newMember(server, organization, ["Organization.CheckAccess"], "helpdesk");
  await world.setAttributes(member, { note: secret });
  const route = `PUT organizations/${organization.id}/attributes`;
  expectWritten(await world.send(route, world.owner.token, { attributes: { plan: secret } }), 200);
});

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

  it("to a user who is given the permission", async () => {
    const reader = await newMember(server, organization, ["Organization.CheckAccess", "Organization.ReadAttributes"], "reader");
    expect((await explained(reader, "other")).text).toContain(secret);
  });
});
