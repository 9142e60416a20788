import { expectError, expectOk } from "@gatehouse/testing/answers.ts";
import {
  anAddress,
  joinAs,
  newAdministrator,
  newInternalRole,
  newOrganization,
  newPerson,
  newRole,
  type Person,
  rolesOf,
} from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { newApiKey, newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { decodedPart, signInWithTokens } from "@gatehouse/testing/tokens.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";

const server = serverOfSuite();
const reason = "Ticket 4711: the timetable is empty";

const impersonate = (token: string, body: Readonly<Record<string, unknown>>) =>
  server.call("POST /api/v1/token/impersonate", { token, body: { scopes: ["Organization.Read"], reason, ...body } });
const exchange = (token: string, body: Readonly<Record<string, unknown>>) => server.call("POST /api/v1/token/exchange", { token, body });
const read = (token: string, id: string) => server.call(`GET /api/v1/iam/organizations/${id}`, { token });
const exchangesOf = (token: string) => expectOk(server.call("GET /api/v1/iam/users/me/exchanged-tokens", { token }));
const storedExchanges = async (userId: string): Promise<number> => {
  const { rows } = await sql<{ count: string }>`select count(*) from exchanged_tokens where user_id = ${userId}`.execute(
    server.application.platform.database.owner,
  );
  return Number(rows[0]?.count);
};

/** An organization with a member, and an API key of a service that may act for members. */
async function scene() {
  const organization = await newOrganization(server);
  const member = await newPerson(server, "member");
  await joinAs(server, organization, member, (await rolesOf(server, organization))["Member"] as string);
  const { owner, id } = organization;
  const role = await newRole(server, organization, ["Organization.ActForMembers", "Organization.Read"]);
  const account = await newServiceAccount(server, owner.token, id, [role.id]);
  const key = await newApiKey(server, owner.token, {
    organizationId: id,
    owner: "service",
    serviceAccountId: account.id,
    scopes: ["Organization.ActForMembers"],
  });
  return { organization, id, owner, member, serviceId: account.id as string, key: key.key as string };
}

describe("POST /api/v1/token/impersonate", () => {
  it("gives an administrator a token of the member with its actor, within the scopes", async () => {
    const { id, owner, member } = await scene();
    const { body, status } = await impersonate(owner.token, { organizationId: id, userId: member.id });
    expect(status).toBe(200);
    expect(decodedPart(body.accessToken, 1)).toMatchObject({
      sub: member.id,
      tid: id,
      act: { sub: owner.id },
      scope: "Organization.Read",
      jti: body.tokenId,
    });
    expect((await read(body.accessToken, id)).status).toBe(200);
    // Outside the scopes, and what is a person's own.
    expect((await server.call(`GET /api/v1/iam/organizations/${id}/memberships`, { token: body.accessToken })).status).toBe(403);
    for (const route of ["GET /api/v1/iam/users/me", "GET /api/v1/iam/auth/sessions", "POST /api/v1/iam/auth/logout"]) {
      expectError(await server.call(route, { token: body.accessToken }), 403, "auth.permission_denied");
    }
    expectError(await impersonate(body.accessToken, { organizationId: id, userId: owner.id }), 403, "auth.permission_denied");
    await server.application.settled();
    const logs = await expectOk(
      server.call(`GET /api/v1/audit/logs?organizationId=${id}&action=User.Impersonated`, { token: owner.token }),
    );
    const entry = logs.items.find(({ result }: AnyBody) => result === "success");
    expect(entry).toMatchObject({ entity: { type: "User", id: member.id } });
  });

  it("is named in the events and the audit log of what it does, and in conditions", async () => {
    const organization = await newOrganization(server);
    const { id, owner } = organization;
    const clerk = await newPerson(server, "clerk");
    await joinAs(
      server,
      organization,
      clerk,
      (await newRole(server, organization, ["Organization.ImpersonateMember", "Organization.Update"])).id,
    );
    const scopes = ["Organization.Update"];
    const { body } = await impersonate(clerk.token, { organizationId: id, userId: owner.id, scopes });
    const rename = (name: string) => server.call(`PUT /api/v1/iam/organizations/${id}`, { token: body.accessToken, body: { name } });
    expect((await rename("Renamed by a clerk")).status).toBe(200);
    const actor = `user:${clerk.id}`;
    const { rows } = await sql<{ actor: string | null }>`select actor from events
      where organization_id = ${id} and type = 'organization.settings_updated.v1'`.execute(server.application.platform.database.owner);
    expect(rows).toEqual([{ actor }]);
    await server.application.settled();
    const logs = await expectOk(
      server.call(`GET /api/v1/audit/logs?organizationId=${id}&action=Organization.Updated`, { token: owner.token }),
    );
    expect(logs.items[0]).toMatchObject({ principal: { kind: "user", id: owner.id }, actor: { kind: "user", id: clerk.id } });

    // A role can keep what only the person themselves may do.
    const member = await newPerson(server, "member");
    const role = await newRole(server, organization, ["Organization.Update"]);
    const condition = { not: { left: "$session.actor", operator: "exists" } };
    const route = `PUT /api/v1/iam/roles/${role.id}/permissions/Organization.Update`;
    await expectOk(server.call(route, { token: owner.token, body: { effect: "allow", condition } }));
    await joinAs(server, organization, member, role.id);
    const renamedBy = (token: string) => server.call(`PUT /api/v1/iam/organizations/${id}`, { token, body: { name: "Renamed again" } });
    const acting = await expectOk(impersonate(owner.token, { organizationId: id, userId: member.id, scopes }));
    expectError(await renamedBy(acting.accessToken), 403, "auth.permission_denied");
    expect((await renamedBy(member.token)).status).toBe(200);
  });

  it("shows the member who acts, and lets them end it", async () => {
    const { id, owner, member } = await scene();
    const { body } = await impersonate(owner.token, { organizationId: id, userId: member.id });
    const { items } = await exchangesOf(member.token);
    expect(items).toEqual([
      expect.objectContaining({
        id: body.tokenId,
        kind: "impersonation",
        actor: { kind: "user", id: owner.id },
        reason,
        organizationId: id,
      }),
    ]);
    const end = `DELETE /api/v1/iam/users/me/exchanged-tokens/${body.tokenId}`;
    expectError(await server.call(end, { token: owner.token }), 404, "tokens.exchanged_token_not_found");
    expect((await server.call(end, { token: member.token })).status).toBe(204);
    expectError(await read(body.accessToken, id), 401, "auth.credential_invalid");
    expect((await exchangesOf(member.token)).items).toEqual([]);
  });

  it("ends with the administrator's session, and with the member", async () => {
    const { id, owner, member } = await scene();
    const own = (await signInWithTokens(server, owner.email)).sessionToken;
    const { body } = await impersonate(own, { organizationId: id, userId: member.id });
    expect((await read(body.accessToken, id)).status).toBe(200);
    expect((await server.call("POST /api/v1/iam/auth/logout", { token: own })).status).toBe(204);
    expectError(await read(body.accessToken, id), 401, "auth.credential_invalid");
    const second = (await impersonate(owner.token, { organizationId: id, userId: member.id })).body;
    await asOperator(server, "tenancy.setUserStatus", { userId: member.id, status: "Suspended" });
    expectError(await read(second.accessToken, id), 401, "auth.credential_invalid");
  });

  it("is refused without the permission, for what the caller does not hold, for non-members and for oneself", async () => {
    const { organization, id, owner, member } = await scene();
    const role = await newRole(server, organization, ["Organization.ImpersonateMember", "Organization.Read"]);
    const clerk = await newPerson(server, "clerk");
    await joinAs(server, organization, clerk, role.id);
    const outsider = await newPerson(server, "outsider");
    const body = { organizationId: id, userId: owner.id };
    expectError(await impersonate(member.token, body), 403, "auth.permission_denied");
    expectError(await impersonate(outsider.token, body), 404, "tokens.subject_not_found");
    expectError(await impersonate(clerk.token, { ...body, scopes: ["Organization.ManageOwners"] }), 403, "tokens.scope_not_held");
    expectError(await impersonate(clerk.token, { ...body, userId: outsider.id }), 404, "tokens.subject_not_found");
    expectError(await impersonate(clerk.token, { ...body, userId: clerk.id }), 404, "tokens.subject_not_found");
    expect(await storedExchanges(owner.id)).toBe(0);
    expect((await impersonate(clerk.token, body)).status).toBe(200);
  });

  it("lets an internal administrator act as a member of any organization", async () => {
    const { id, member } = await scene();
    const administrator: Person = await newAdministrator(server);
    const { body } = await impersonate(administrator.token, { organizationId: id, userId: member.id });
    expect((await read(body.accessToken, id)).status).toBe(200);
  });
});

describe("POST /api/v1/token/exchange", () => {
  it("gives a service a token to act for the user, within the scopes, until the user signs out", async () => {
    const { id, member, key, serviceId } = await scene();
    const { accessToken, sessionToken } = await signInWithTokens(server, member.email, id);
    const issued = await expectOk(exchange(key, { subjectToken: accessToken, scopes: ["Organization.Read"] }));
    expect(decodedPart(issued.accessToken, 1)).toMatchObject({ sub: member.id, act: { sub: serviceId, sub_kind: "service" } });
    expect((await read(issued.accessToken, id)).status).toBe(200);
    expect((await server.call(`GET /api/v1/iam/organizations/${id}/memberships`, { token: issued.accessToken })).status).toBe(403);
    const { items } = await exchangesOf(member.token);
    expect(items.map(({ kind, actor }: AnyBody) => ({ kind, actor }))).toEqual([
      { kind: "delegation", actor: { kind: "service", id: serviceId } },
    ]);
    await server.call("POST /api/v1/iam/auth/logout", { token: sessionToken });
    expectError(await read(issued.accessToken, id), 401, "auth.credential_invalid");
  });

  it("refuses whatever is no live token of a user's own session, and callers that are no service", async () => {
    const { id, owner, member, key } = await scene();
    const { accessToken, sessionToken } = await signInWithTokens(server, member.email, id);
    const scopes = ["Organization.Read"];
    const acting = (await impersonate(owner.token, { organizationId: id, userId: member.id })).body.accessToken;
    const delegated = (await exchange(key, { subjectToken: accessToken, scopes })).body.accessToken;
    for (const subjectToken of [sessionToken, acting, delegated, key, "x", `${accessToken}x`]) {
      expectError(await exchange(key, { subjectToken, scopes }), 400, "tokens.subject_token_invalid");
    }
    expectError(await exchange(owner.token, { subjectToken: accessToken, scopes }), 403, "auth.permission_denied");
    const elsewhere = await scene();
    const refused = await exchange(elsewhere.key, { subjectToken: accessToken, scopes });
    expectError(refused, 400, "tokens.subject_token_invalid");
    expect(await storedExchanges(member.id)).toBe(2);
  });
});

describe("POST /api/v1/token/issue", () => {
  it("starts a session of a user whom a sign-in service has authenticated", async () => {
    const administrator = await newAdministrator(server);
    const { id, member } = await scene();
    const roleId = await newInternalRole(server, administrator, ["Token.Issue"]);
    const account = await newServiceAccount(server, administrator.token, null, [roleId]);
    const { key } = await newApiKey(server, administrator.token, {
      owner: "service",
      serviceAccountId: account.id,
      scopes: ["Token.Issue"],
    });
    const body = { userId: member.id, organizationId: id, methods: ["otp"], authProvider: "otp" };
    const issue = (token: string, changes = {}) => server.call("POST /api/v1/token/issue", { token, body: { ...body, ...changes } });
    const issued = await expectOk(issue(key));
    expect(decodedPart(issued.accessToken, 1)).toMatchObject({
      sub: member.id,
      tid: id,
      sid: issued.sessionId,
      amr: ["otp"],
      auth_provider: "otp",
    });
    expect((await read(issued.accessToken, id)).status).toBe(200);
    expect(
      (await server.call("POST /api/v1/token/refresh", { from: anAddress(), body: { refreshToken: issued.refreshToken } })).status,
    ).toBe(200);
    // An administrator has the permission, and is no service.
    expectError(await issue(administrator.token), 403, "auth.permission_denied");
    expectError(await issue(member.token), 403, "auth.permission_denied");
    for (const changes of [{ organizationId: (await newOrganization(server)).id }, { userId: id }]) {
      expectError(await issue(key, changes), 404, "tokens.subject_not_found");
    }
    await asOperator(server, "tenancy.setUserStatus", { userId: member.id, status: "Suspended" });
    expectError(await issue(key), 404, "tokens.subject_not_found");
  });
});
