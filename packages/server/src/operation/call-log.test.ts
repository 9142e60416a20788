import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinAs, newcomer, newOrganization, rolesOf } from "../testing/people.ts";
import { nowhere } from "../testing/scene.ts";
import { type AnyBody, startTestServer, type TestServer } from "../testing/server.ts";

describe("the line that a call leaves in the log", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server?.close());

  const lineOf = (operation: string, outcome: string): AnyBody =>
    server.logged.findLast((line) => line.operation === operation && line.outcome === outcome);

  it("says who did what to which resource of which tenant", async () => {
    const organization = await newOrganization(server);
    const member = await newcomer(server);
    const { id: membershipId } = await joinAs(server, organization, member, (await rolesOf(server, organization))["Member"] as string);
    const path = `organizations/${organization.id}/memberships/${membershipId}`;
    const answer = await server.call(`DELETE /api/v1/iam/${path}`, { token: organization.owner.token });
    expect(answer.status).toBeLessThan(300);
    expect(lineOf("tenancy.removeMember", "ok")).toMatchObject({
      module: "command",
      caller: "user",
      userId: organization.owner.id,
      sessionId: expect.any(String),
      tenantId: organization.id,
      resource: { organizationId: organization.id, membershipId },
      ipAddress: "127.0.0.1",
    });
  });

  it("says of a refused call which tenant it was refused in", async () => {
    const organization = await newOrganization(server);
    const member = await newcomer(server);
    await joinAs(server, organization, member, (await rolesOf(server, organization))["Member"] as string);
    const path = `organizations/${organization.id}/memberships/${nowhere}`;
    const answer = await server.call(`DELETE /api/v1/iam/${path}`, { token: member.token });
    expect(answer.status).toBe(403);
    expect(lineOf("tenancy.removeMember", "auth.permission_denied")).toMatchObject({
      userId: member.id,
      tenantId: organization.id,
      resource: { organizationId: organization.id, membershipId: nowhere },
    });
  });

  it("says what a check decided and why, under the id that the caller has", async () => {
    const { owner, id } = await newOrganization(server);
    for (const [actionType, allowed, reason] of [
      ["Organization.Update", true, "role"],
      ["User.Read", false, "missing_permission"],
    ] as const) {
      const body = { userId: owner.id, tenantId: id, actionType };
      const answer = await server.call("POST /api/v1/iam/authorization/check", { token: owner.token, body });
      expect(answer.body.isAuthorized).toBe(allowed);
      expect(lineOf("access.check", "ok")).toMatchObject({
        resource: { userId: owner.id, tenantId: id },
        decision: { allowed, reason, decisionId: answer.body.decisionId },
      });
    }
  });

  it("says what an AuthZEN evaluation decided", async () => {
    const { owner, id } = await newOrganization(server);
    const body = {
      subject: { type: "user", id: owner.id, properties: { tenantId: id } },
      action: { name: "Organization.Update" },
      resource: { type: "Organization", id },
    };
    const answer = await server.call("POST /access/v1/evaluation", { token: owner.token, body });
    expect(answer.status).toBe(200);
    expect(lineOf("access.evaluate", "ok")).toMatchObject({ decision: { allowed: answer.body.decision } });
  });

  it("has nothing of a field that is no id", async () => {
    const text = "not-an-id-but-a-text";
    await server.call("POST /api/v1/iam/authorization/check", {
      token: (await newOrganization(server)).owner.token,
      body: { userId: text, tenantId: text, actionType: text },
    });
    expect(JSON.stringify(lineOf("access.check", "common.validation_failed"))).not.toContain(text);
  });
});
