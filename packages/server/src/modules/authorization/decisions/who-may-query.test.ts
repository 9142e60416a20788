import { expectError } from "@gatehouse/testing/answers.ts";
import { newMember, newOrganization, type OrganizationOf, type Person } from "@gatehouse/testing/people.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { beforeAll, describe, expect, it } from "vitest";

const iam = "/api/v1/iam";
const action = "Organization.Read";
const server = serverOfSuite();
let organization: OrganizationOf;
let member: Person;
let helpdesk: Person;
let colleague: Person;

beforeAll(async () => {
  organization = await newOrganization(server);
  member = await newMember(server, organization, [action]);
  helpdesk = await newMember(server, organization, ["Organization.CheckAccess"]);
  colleague = await newMember(server, organization, [action]);
});

const aboutMember = () => ({ userId: member.id, tenantId: organization.id });
const subject = () => ({ type: "user", id: member.id, properties: { tenantId: organization.id } });
const evaluation = () => ({ subject: subject(), action: { name: action }, resource: { type: "none", id: "1" } });

/** Every endpoint for queries about one user, with its body and a reader of the result. */
const surfaces: readonly [string, () => object, (body: AnyBody) => unknown][] = [
  [`POST ${iam}/authorization/check`, () => ({ ...aboutMember(), actionType: action }), (body) => body["isAuthorized"]],
  [
    `POST ${iam}/authorization/check-batch`,
    () => ({ checks: [{ ...aboutMember(), actionType: action }] }),
    ({ results }) => results[0]?.isAuthorized,
  ],
  [`POST ${iam}/authorization/explain`, () => ({ ...aboutMember(), actionType: action }), (body) => body["isAuthorized"]],
];

describe("the holder of Organization.CheckAccess", () => {
  it.each(surfaces)("may query decisions about a member by %s, and no other member may", async (route, bodyOf, mayOf) => {
    const answer = await server.call(route, { token: helpdesk.token, body: bodyOf() });
    expect(answer.status).toBe(200);
    expect(mayOf(answer.body)).toBe(true);
    const refused = await withoutTrace(server, () => server.call(route, { token: colleague.token, body: bodyOf() }));
    expectError(refused, 403, "auth.permission_denied");
  });

  it("may query AuthZEN, and no other member may", async () => {
    // Denied because the type is unknown: the query itself was authorized.
    const answer = await server.call("POST /access/v1/evaluation", { token: helpdesk.token, body: evaluation() });
    expect(answer.status).toBe(200);
    const refused = await server.call("POST /access/v1/evaluation", { token: colleague.token, body: evaluation() });
    expectError(refused, 403, "auth.permission_denied");
  });

  it("is refused about another organization by check and by check-batch", async () => {
    const other = await newOrganization(server);
    const elsewhere = { userId: other.owner.id, tenantId: other.id, actionType: action };
    for (const [route, body] of [
      [`POST ${iam}/authorization/check`, elsewhere],
      [`POST ${iam}/authorization/check-batch`, { checks: [elsewhere] }],
    ] as const)
      expectError(await server.call(route, { token: helpdesk.token, body }), 403, "auth.permission_denied");
  });
});
