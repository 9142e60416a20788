import { randomUUID } from "node:crypto";
import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { joinAs, newOrganization, newPerson, rolesOf, unique } from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator, backend } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { TokenAuthenticator } from "@gatehouse/testing/token-authenticator.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";

const tokens = new TokenAuthenticator();
const world = World.ofSuite(["member"], {}, backend, { modules: [tokens.module] });
beforeAll(async () => {
  await world.define("Report", "Report.Read");
  await world.model({
    resourceTypes: {
      report: {
        relations: { reader: { subjects: ["user", "user:*", "service"] } },
        permissions: { "Report.Read": { allow: "reader" } },
      },
    },
  });
});

interface Service {
  readonly id: string;
  readonly token: string;
}

/** A service account of the organization, or of the internal scope, with a credential. */
async function service(roleIds: readonly string[], organizationId: string | null = world.organization.id): Promise<Service> {
  const by = organizationId === null ? world.administrator.token : world.owner.token;
  const { id } = await newServiceAccount(world.server, by, organizationId, roleIds);
  const credential = { kind: "apiKey", id: randomUUID(), authenticatedAt: Date.now(), methods: [] } as const;
  return { id, token: tokens.issue({ kind: "service", id, organizationId, credential }) };
}

const role = (...permissions: readonly string[]): Promise<string> => world.role(permissions);
const patch = (id: string, body: object, token = world.owner.token) =>
  world.server.call(`PATCH /api/v1/service-accounts/${id}`, { token, body });
const remove = (id: string, token = world.owner.token) => world.server.call(`DELETE /api/v1/service-accounts/${id}`, { token });

describe("a service account as the caller", () => {
  it("may do exactly what its roles allow", async () => {
    const { token } = await service([await role("Organization.ReadRoles", "Organization.ManageRoles")]);
    const at = `organizationId=${world.organization.id}`;
    expectRead(await world.send(`GET roles?${at}`, token));
    const body = { name: `Role ${unique()}`, scope: "Organization", organizationId: world.organization.id };
    expectWritten(await world.send("POST roles", token, body), 201);
    await withoutTrace(world.server, async () => {
      expectError(await world.send(`GET organizations/${world.organization.id}/memberships`, token), 403, "auth.permission_denied");
      expectError(await world.send("GET users/me", token), 403, "auth.permission_denied");
      expectError(
        await world.send("POST organizations", token, { name: "Mine", slug: "mine", country: "VN" }),
        403,
        "auth.permission_denied",
      );
    });
  });

  it("is a non-member of every other organization", async () => {
    const other = await newOrganization(world.server);
    const { id } = await service([world.roles["Owner"] as string]);
    const credential = { kind: "apiKey", id: randomUUID(), authenticatedAt: Date.now(), methods: [] } as const;
    const token = tokens.issue({ kind: "service", id, organizationId: null, credential });
    const answer = await world.send(`GET organizations/${other.id}`, token);
    expectError(answer, 404, "tenancy.organization_not_found");
  });

  it("may query decisions about itself with every operation about one subject", async () => {
    const { id, token } = await service([await role("Report.Read")]);
    const about = { userId: id, tenantId: world.organization.id, actionType: "Report.Read" };
    const checked = await world.send("POST authorization/check", token, about);
    expectRead(checked);
    expect(checked.body).toMatchObject({ isAuthorized: true, reasonCode: "role" });
    const batch = await world.send("POST authorization/check-batch", token, { checks: [about] });
    expect(batch.body.results).toMatchObject([{ isAuthorized: true }]);
    const explained = await world.send("POST authorization/explain", token, about);
    expectRead(explained);
    expect(explained.body).toMatchObject({ isAuthorized: true });
    const own = await world.send(`GET users/me/permissions?organizationId=${world.organization.id}`, token);
    expectRead(own);
    expect(own.body.permissions).toEqual(["Report.Read"]);
    const subject = { type: "service", id, properties: { tenantId: world.organization.id } };
    const request = { action: { name: "Report.Read" }, resource: { type: "report", id: "1" } };
    const evaluated = await world.server.call("POST /access/v1/evaluation", { token, body: { subject, ...request } });
    expect(evaluated.body).toEqual({ decision: true });
    const asUser = await world.server.call("POST /access/v1/evaluation", {
      token,
      body: { subject: { ...subject, type: "user" }, ...request },
    });
    expect(asUser.body).toMatchObject({ decision: false, context: { reason_code: "not_a_member" } });
  });

  it("is refused queries about others without the permission", async () => {
    const { token } = await service([await role("Report.Read")]);
    const body = { userId: world.member.id, tenantId: world.organization.id, actionType: "Report.Read" };
    for (const query of ["check", "explain"])
      expectError(await world.send(`POST authorization/${query}`, token, body), 403, "auth.permission_denied");
  });

  it("may assign only roles whose permissions it holds", async () => {
    const manager = await role("Organization.ManageServiceAccounts", "Organization.ReadServiceAccounts");
    const { id, token } = await service([manager]);
    const above = await service([world.roles["Owner"] as string]);
    const create = (roleIds: readonly unknown[]) =>
      world.server.call("POST /api/v1/service-accounts", {
        token,
        body: { organizationId: world.organization.id, name: `Service ${unique()}`, roleIds },
      });
    const made = await create([manager]);
    expectWritten(made, 201);
    expect(made.body.createdBy).toBeNull();
    await withoutTrace(world.server, async () => {
      expectError(await create([world.roles["Owner"]]), 403, "access.permission_not_held");
      expectError(await patch(id, { roleIds: [world.roles["Owner"]] }, token), 403, "access.permission_not_held");
      expectError(await remove(above.id, token), 403, "access.permission_not_held");
    });
  });

  it("loses its permissions as soon as its suspension, its deletion or a change of its role is answered", async () => {
    const changing = await role("Report.Read");
    const check = async ({ id, token }: Service): Promise<string> => {
      const body = { userId: id, tenantId: world.organization.id, actionType: "Report.Read" };
      return (await world.send("POST authorization/check", token, body)).body.reasonCode;
    };
    const [suspended, deleted, changed] = [await service([changing]), await service([changing]), await service([changing])];
    for (const each of [suspended, deleted, changed]) expect(await check(each)).toBe("role");
    expectWritten(await patch(suspended.id, { status: "Suspended" }), 200);
    expect(await check(suspended)).toBe("user_inactive");
    expectWritten(await remove(deleted.id), 204);
    expect(await check(deleted)).toBe("not_a_member");
    expectWritten(await world.send(`DELETE roles/${changing}/permissions`, world.owner.token, { permissions: ["Report.Read"] }), 200);
    expect(await check(changed)).toBe("missing_permission");
  });

  it("has the permissions of its roles in the internal scope", async () => {
    const made = await world.send("POST roles", world.administrator.token, { name: `Reader ${unique()}`, scope: "Internal" });
    expectWritten(
      await world.send(`POST roles/${made.body.id}/permissions`, world.administrator.token, { permissions: ["User.Read"] }),
      200,
    );
    const { token } = await service([made.body.id], null);
    expectRead(await world.server.call("GET /api/v1/users", { token }));
    expectError(await world.server.call("GET /api/v1/service-accounts", { token }), 403, "auth.permission_denied");
  });

  it("is not the user with the same id", async () => {
    const credential = { kind: "apiKey", id: randomUUID(), authenticatedAt: Date.now(), methods: [] } as const;
    const token = tokens.issue({ kind: "service", id: world.owner.id, organizationId: null, credential });
    const { id } = world.organization;
    expectError(await world.send(`GET organizations/${id}`, token), 404, "tenancy.organization_not_found");
    const own = await world.send(`GET users/me/permissions?organizationId=${id}`, token);
    expect(own.body.permissions).toEqual([]);
    const about = { userId: world.owner.id, tenantId: id, actionType: "Organization.Read" };
    const checked = await world.send("POST authorization/check", token, about);
    expect(checked.body).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member" });
    expectError(await world.send("POST authorization/explain", token, about), 404, "access.member_not_found");
  });
});

describe("a relationship to a service account", () => {
  it("allows it to act on the resource, unlike a relationship to all users", async () => {
    const { id } = await service([await role()]);
    const decides = async (resource: string): Promise<boolean> => {
      const body = { userId: id, tenantId: world.organization.id, actionType: "Report.Read", resourceType: "report", resourceId: resource };
      return (await world.send("POST authorization/check", world.owner.token, body)).body.isAuthorized;
    };
    const [own, open] = [unique(), unique()];
    const { id: grantId } = await world.granted(`report:${own}`, "reader", `service:${id.toUpperCase()}`);
    await world.granted(`report:${open}`, "reader", "user:*");
    expect([await decides(own), await decides(open)]).toEqual([true, false]);
    const subjects = async (resourceId: string) =>
      (
        await world.send("POST authorization/list-subjects", world.owner.token, {
          tenantId: world.organization.id,
          actionType: "Report.Read",
          resourceType: "report",
          resourceId,
          direct: true,
        })
      ).body.items;
    expect(await subjects(own)).toContainEqual({ type: "service", id });
    expect(await subjects(open)).not.toContainEqual({ type: "service", id });
    const search = (type: string) =>
      world.server.call("POST /access/v1/search/subject", {
        token: world.owner.token,
        body: {
          subject: { type, properties: { tenantId: world.organization.id, direct: true } },
          action: { name: "Report.Read" },
          resource: { type: "report", id: own },
        },
      });
    expect((await search("service")).body.results).toContainEqual({ type: "service", id });
    expect((await search("user")).body.results).toEqual([]);
    expectWritten(await remove(id), 204);
    expectError(await world.send(`GET grants/${grantId}`, world.owner.token), 404, "access.grant_not_found");
  });

  it("is refused for a user, a service account of another organization and an unknown id", async () => {
    const other = await newOrganization(world.server);
    const foreign = await newServiceAccount(world.server, other.owner.token, other.id, [
      (await rolesOf(world.server, other))["Member"] as string,
    ]);
    const { id } = await service([await role()]);
    await withoutTrace(world.server, async () => {
      for (const subject of [`service:${world.member.id}`, `service:${foreign.id}`, `service:${randomUUID()}`, "service:*", `user:${id}`])
        expectError(await world.grant(`report:${unique()}`, "reader", subject), 400, "common.validation_failed", "subject.id");
    });
  });

  it("does not give it attributes, because it is not a member", async () => {
    const { id } = await service([await role()]);
    const at = `organizations/${world.organization.id}/members/${id}/attributes`;
    await withoutTrace(world.server, async () => {
      expectError(await world.send(`PUT ${at}`, world.owner.token, { attributes: { grade: 3 } }), 404, "access.member_not_found");
      expectError(await world.send(`GET ${at}`, world.owner.token), 404, "access.member_not_found");
    });
  });
});

describe("the last owner", () => {
  it("cannot leave, even if a service account holds the role Owner", async () => {
    const organization = await newOrganization(world.server);
    const roles = await rolesOf(world.server, organization);
    const { owner, id } = organization;
    await newServiceAccount(world.server, owner.token, id, [roles["Owner"] as string]);
    const listed = await world.send(`GET organizations/${id}/memberships`, owner.token);
    const membership = listed.body.items[0].id;
    await withoutTrace(world.server, async () => {
      expectError(await world.send(`DELETE organizations/${id}/memberships/${membership}`, owner.token), 409, "tenancy.last_owner");
      const change = { roleIds: [roles["Member"]] };
      expectError(await world.send(`PUT organizations/${id}/memberships/${membership}`, owner.token, change), 409, "tenancy.last_owner");
    });
  });

  it("cannot leave, even if suspended while a service account holds the role Owner", async () => {
    const organization = await newOrganization(world.server);
    const roles = await rolesOf(world.server, organization);
    const { owner, id } = organization;
    await newServiceAccount(world.server, owner.token, id, [roles["Owner"] as string]);
    const second = await newPerson(world.server);
    await joinAs(world.server, organization, second, roles["Owner"] as string);
    for (const { id: userId } of [owner, second])
      await sql`update users set status = 'Suspended' where id = ${userId}::uuid`.execute(world.server.application.platform.database.owner);
    // Of two suspended owners one may leave, the last one may not.
    const members = await asMember(organization.id);
    const leave = (membershipId: string) => asOperator(world.server, "tenancy.removeMember", { organizationId: id, membershipId });
    await leave(members[1]?.id as string);
    await expect(leave(members[0]?.id as string)).rejects.toMatchObject({ definition: { code: "tenancy.last_owner" } });
  });

  const asMember = async (organizationId: string): Promise<readonly AnyBody[]> =>
    (await asOperator(world.server, "tenancy.listMemberships", { organizationId })).items;
});
