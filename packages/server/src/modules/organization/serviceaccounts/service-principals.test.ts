import { randomUUID } from "node:crypto";
import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { joinAs, newOrganization, newPerson, rolesOf, unique } from "@gatehouse/testing/people.ts";
import { Scene } from "@gatehouse/testing/scene.ts";
import { type AnyBody, asOperator, backend, startTestServer } from "@gatehouse/testing/server.ts";
import { TokenAuthenticator } from "@gatehouse/testing/token-authenticator.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { newServiceAccount } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const tokens = new TokenAuthenticator();
let scene: Scene;
beforeAll(async () => {
  const settings = { GATEHOUSE_SIGN_IN_LIMIT: "off", GATEHOUSE_DECISION_STEPS: "1000000000" };
  scene = await Scene.on(await startTestServer(settings, backend, { modules: [tokens.module] }));
  await scene.define("Report", "Report.Read");
  await scene.model({
    resourceTypes: {
      report: {
        relations: { reader: { subjects: ["user", "user:*", "service"] } },
        permissions: { "Report.Read": { allow: "reader" } },
      },
    },
  });
});
afterAll(() => scene.close());

interface Service {
  readonly id: string;
  readonly token: string;
}

/** A service account of the organization, or of the internal scope, with a credential. */
async function service(roleIds: readonly string[], organizationId: string | null = scene.organization.id): Promise<Service> {
  const by = organizationId === null ? scene.administrator.token : scene.owner.token;
  const { id } = await newServiceAccount(scene.server, by, organizationId, roleIds);
  const credential = { kind: "apiKey", id: randomUUID(), authenticatedAt: Date.now(), methods: [] } as const;
  return { id, token: tokens.issue({ kind: "service", id, organizationId, credential }) };
}

const role = (...permissions: readonly string[]): Promise<string> => scene.role(permissions);
const patch = (id: string, body: object, token = scene.owner.token) =>
  scene.server.call(`PATCH /api/v1/service-accounts/${id}`, { token, body });
const remove = (id: string, token = scene.owner.token) => scene.server.call(`DELETE /api/v1/service-accounts/${id}`, { token });

describe("a service account as the caller", () => {
  it("does what its roles allow, and nothing more", async () => {
    const { token } = await service([await role("Organization.ReadRoles", "Organization.ManageRoles")]);
    const at = `organizationId=${scene.organization.id}`;
    expectRead(await scene.send(`GET roles?${at}`, token));
    const body = { name: `Role ${unique()}`, scope: "Organization", organizationId: scene.organization.id };
    expectWritten(await scene.send("POST roles", token, body), 201);
    await withoutTrace(scene.server, async () => {
      expectError(await scene.send(`GET organizations/${scene.organization.id}/memberships`, token), 403, "auth.permission_denied");
      expectError(await scene.send("GET users/me", token), 403, "auth.permission_denied");
      expectError(
        await scene.send("POST organizations", token, { name: "Mine", slug: "mine", country: "VN" }),
        403,
        "auth.permission_denied",
      );
    });
  });

  it("is a non-member of every other organization", async () => {
    const other = await newOrganization(scene.server);
    const { id } = await service([scene.roles["Owner"] as string]);
    const credential = { kind: "apiKey", id: randomUUID(), authenticatedAt: Date.now(), methods: [] } as const;
    const token = tokens.issue({ kind: "service", id, organizationId: null, credential });
    const answer = await scene.send(`GET organizations/${other.id}`, token);
    expectError(answer, 404, "tenancy.organization_not_found");
  });

  it("asks about itself by every query about one subject", async () => {
    const { id, token } = await service([await role("Report.Read")]);
    const about = { userId: id, tenantId: scene.organization.id, actionType: "Report.Read" };
    const checked = await scene.send("POST authorization/check", token, about);
    expectRead(checked);
    expect(checked.body).toMatchObject({ isAuthorized: true, reasonCode: "role" });
    const batch = await scene.send("POST authorization/check-batch", token, { checks: [about] });
    expect(batch.body.results).toMatchObject([{ isAuthorized: true }]);
    const explained = await scene.send("POST authorization/explain", token, about);
    expectRead(explained);
    expect(explained.body).toMatchObject({ isAuthorized: true });
    const own = await scene.send(`GET users/me/permissions?organizationId=${scene.organization.id}`, token);
    expectRead(own);
    expect(own.body.permissions).toEqual(["Report.Read"]);
    const subject = { type: "service", id, properties: { tenantId: scene.organization.id } };
    const question = { action: { name: "Report.Read" }, resource: { type: "report", id: "1" } };
    const evaluated = await scene.server.call("POST /access/v1/evaluation", { token, body: { subject, ...question } });
    expect(evaluated.body).toEqual({ decision: true });
    const asUser = await scene.server.call("POST /access/v1/evaluation", {
      token,
      body: { subject: { ...subject, type: "user" }, ...question },
    });
    expect(asUser.body).toMatchObject({ decision: false, context: { reason_code: "not_a_member" } });
  });

  it("asks about nobody else without the permission", async () => {
    const { token } = await service([await role("Report.Read")]);
    const body = { userId: scene.member.id, tenantId: scene.organization.id, actionType: "Report.Read" };
    for (const query of ["check", "explain"])
      expectError(await scene.send(`POST authorization/${query}`, token, body), 403, "auth.permission_denied");
  });

  it("gives and makes what it holds itself, and no more", async () => {
    const manager = await role("Organization.ManageServiceAccounts", "Organization.ReadServiceAccounts");
    const { id, token } = await service([manager]);
    const above = await service([scene.roles["Owner"] as string]);
    const create = (roleIds: readonly unknown[]) =>
      scene.server.call("POST /api/v1/service-accounts", {
        token,
        body: { organizationId: scene.organization.id, name: `Service ${unique()}`, roleIds },
      });
    const made = await create([manager]);
    expectWritten(made, 201);
    expect(made.body.createdBy).toBeNull();
    await withoutTrace(scene.server, async () => {
      expectError(await create([scene.roles["Owner"]]), 403, "access.permission_not_held");
      expectError(await patch(id, { roleIds: [scene.roles["Owner"]] }, token), 403, "access.permission_not_held");
      expectError(await remove(above.id, token), 403, "access.permission_not_held");
    });
  });

  it("may nothing from the answer of its suspension, of its deletion, and of a change of its role on", async () => {
    const changing = await role("Report.Read");
    const check = async ({ id, token }: Service): Promise<string> => {
      const body = { userId: id, tenantId: scene.organization.id, actionType: "Report.Read" };
      return (await scene.send("POST authorization/check", token, body)).body.reasonCode;
    };
    const [suspended, deleted, changed] = [await service([changing]), await service([changing]), await service([changing])];
    for (const each of [suspended, deleted, changed]) expect(await check(each)).toBe("role");
    expectWritten(await patch(suspended.id, { status: "Suspended" }), 200);
    expect(await check(suspended)).toBe("user_inactive");
    expectWritten(await remove(deleted.id), 204);
    expect(await check(deleted)).toBe("not_a_member");
    expectWritten(await scene.send(`DELETE roles/${changing}/permissions`, scene.owner.token, { permissions: ["Report.Read"] }), 200);
    expect(await check(changed)).toBe("missing_permission");
  });

  it("of the internal scope acts there with its roles", async () => {
    const made = await scene.send("POST roles", scene.administrator.token, { name: `Reader ${unique()}`, scope: "Internal" });
    expectWritten(
      await scene.send(`POST roles/${made.body.id}/permissions`, scene.administrator.token, { permissions: ["User.Read"] }),
      200,
    );
    const { token } = await service([made.body.id], null);
    expectRead(await scene.server.call("GET /api/v1/users", { token }));
    expectError(await scene.server.call("GET /api/v1/service-accounts", { token }), 403, "auth.permission_denied");
  });

  it("with the id of a user is not that user", async () => {
    const credential = { kind: "apiKey", id: randomUUID(), authenticatedAt: Date.now(), methods: [] } as const;
    const token = tokens.issue({ kind: "service", id: scene.owner.id, organizationId: null, credential });
    const { id } = scene.organization;
    expectError(await scene.send(`GET organizations/${id}`, token), 404, "tenancy.organization_not_found");
    const own = await scene.send(`GET users/me/permissions?organizationId=${id}`, token);
    expect(own.body.permissions).toEqual([]);
    const about = { userId: scene.owner.id, tenantId: id, actionType: "Organization.Read" };
    const checked = await scene.send("POST authorization/check", token, about);
    expect(checked.body).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member" });
    expectError(await scene.send("POST authorization/explain", token, about), 404, "access.member_not_found");
  });
});

describe("a relationship to a service account", () => {
  it("lets it act on the resource, and everybody is no service account", async () => {
    const { id } = await service([await role()]);
    const decides = async (resource: string): Promise<boolean> => {
      const body = { userId: id, tenantId: scene.organization.id, actionType: "Report.Read", resourceType: "report", resourceId: resource };
      return (await scene.send("POST authorization/check", scene.owner.token, body)).body.isAuthorized;
    };
    const [own, open] = [unique(), unique()];
    const { id: grantId } = await scene.granted(`report:${own}`, "reader", `service:${id.toUpperCase()}`);
    await scene.granted(`report:${open}`, "reader", "user:*");
    expect([await decides(own), await decides(open)]).toEqual([true, false]);
    const subjects = async (resourceId: string) =>
      (
        await scene.send("POST authorization/list-subjects", scene.owner.token, {
          tenantId: scene.organization.id,
          actionType: "Report.Read",
          resourceType: "report",
          resourceId,
          direct: true,
        })
      ).body.items;
    expect(await subjects(own)).toContainEqual({ type: "service", id });
    expect(await subjects(open)).not.toContainEqual({ type: "service", id });
    const search = (type: string) =>
      scene.server.call("POST /access/v1/search/subject", {
        token: scene.owner.token,
        body: {
          subject: { type, properties: { tenantId: scene.organization.id, direct: true } },
          action: { name: "Report.Read" },
          resource: { type: "report", id: own },
        },
      });
    expect((await search("service")).body.results).toContainEqual({ type: "service", id });
    expect((await search("user")).body.results).toEqual([]);
    expectWritten(await remove(id), 204);
    expectError(await scene.send(`GET grants/${grantId}`, scene.owner.token), 404, "access.grant_not_found");
  });

  it("takes no user, no service account of another organization and no unknown id", async () => {
    const other = await newOrganization(scene.server);
    const foreign = await newServiceAccount(scene.server, other.owner.token, other.id, [
      (await rolesOf(scene.server, other))["Member"] as string,
    ]);
    const { id } = await service([await role()]);
    await withoutTrace(scene.server, async () => {
      for (const subject of [`service:${scene.member.id}`, `service:${foreign.id}`, `service:${randomUUID()}`, "service:*", `user:${id}`])
        expectError(await scene.grant(`report:${unique()}`, "reader", subject), 400, "common.validation_failed", "subject.id");
    });
  });

  it("notes no attributes about it, as it is no member", async () => {
    const { id } = await service([await role()]);
    const at = `organizations/${scene.organization.id}/members/${id}/attributes`;
    await withoutTrace(scene.server, async () => {
      expectError(await scene.send(`PUT ${at}`, scene.owner.token, { attributes: { grade: 3 } }), 404, "access.member_not_found");
      expectError(await scene.send(`GET ${at}`, scene.owner.token), 404, "access.member_not_found");
    });
  });
});

describe("the last owner", () => {
  it("stays although a service account holds the role Owner", async () => {
    const organization = await newOrganization(scene.server);
    const roles = await rolesOf(scene.server, organization);
    const { owner, id } = organization;
    await newServiceAccount(scene.server, owner.token, id, [roles["Owner"] as string]);
    const listed = await scene.send(`GET organizations/${id}/memberships`, owner.token);
    const membership = listed.body.items[0].id;
    await withoutTrace(scene.server, async () => {
      expectError(await scene.send(`DELETE organizations/${id}/memberships/${membership}`, owner.token), 409, "tenancy.last_owner");
      const change = { roleIds: [roles["Member"]] };
      expectError(await scene.send(`PUT organizations/${id}/memberships/${membership}`, owner.token, change), 409, "tenancy.last_owner");
    });
  });

  it("stays where they cannot undo everything any more, although a service account holds the role Owner", async () => {
    const organization = await newOrganization(scene.server);
    const roles = await rolesOf(scene.server, organization);
    const { owner, id } = organization;
    await newServiceAccount(scene.server, owner.token, id, [roles["Owner"] as string]);
    const second = await newPerson(scene.server);
    await joinAs(scene.server, organization, second, roles["Owner"] as string);
    for (const { id: userId } of [owner, second])
      await sql`update users set status = 'Suspended' where id = ${userId}::uuid`.execute(scene.server.application.platform.database.owner);
    // Of two holders who both cannot act, one may go; the last one may not.
    const members = await asMember(organization.id);
    const leave = (membershipId: string) => asOperator(scene.server, "tenancy.removeMember", { organizationId: id, membershipId });
    await leave(members[1]?.id as string);
    await expect(leave(members[0]?.id as string)).rejects.toMatchObject({ definition: { code: "tenancy.last_owner" } });
  });

  const asMember = async (organizationId: string): Promise<readonly AnyBody[]> =>
    (await asOperator(scene.server, "tenancy.listMemberships", { organizationId })).items;
});
