import { expectError, expectWritten } from "@gatehouse/testing/answers.ts";
import { clientFields } from "@gatehouse/testing/clients.ts";
import { newOrganization, newPerson, rolesOf, unique, unknownId } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

type Fields = Readonly<Record<string, unknown>>;

const path = "/api/v1/clients";
const world = World.ofSuite();
/** Manages clients, and may otherwise only see the organization. */
let manager: string;
beforeAll(async () => {
  await world.define("Report", "Report.Read", "Report.Write");
  manager = (await world.person(await world.role(["Organization.ManageClients", "Organization.Read"]))).token;
});

const send = (route: string, token: string, body?: unknown): Promise<Answer<AnyBody>> =>
  world.server.call(route.replace(" ", ` ${path}`), { token, ...(body === undefined ? {} : { body }) });
const create = (fields: Fields, token = world.owner.token): Promise<Answer<AnyBody>> =>
  send("POST ", token, clientFields({ organizationId: world.organization.id, ...fields }));
async function created(fields: Fields, token = world.owner.token): Promise<AnyBody> {
  const answer = await create(fields, token);
  expectWritten(answer, 201);
  return answer.body;
}
const update = (id: string, body: Fields, token = manager) => send(`PATCH /${id}`, token, body);
const rotate = (id: string, token = manager) => send(`POST /${id}/secrets`, token, {});
const account = (...roles: readonly string[]): Promise<AnyBody> =>
  newServiceAccount(world.server, world.owner.token, world.organization.id, roles);

describe("the scopes of a client", () => {
  it("are only given by principals who hold them", async () => {
    await withoutTrace(world.server, async () => {
      for (const scopes of [["openid", "Report.Read"], ["Organization.Read", "Organization"], ["Unknown.Permission"]])
        expectError(await create({ scopes }, manager), 403, "openid.scope_not_held", "scopes");
    });
    const scopes = ["openid", "offline_access", "Organization.Read"];
    expect(await created({ scopes }, manager)).toMatchObject({ scopes });
  });

  it("are not widened, redirected or impersonated by a principal with fewer permissions", async () => {
    const { id } = await created({ scopes: ["openid", "Report.Read"] });
    await withoutTrace(world.server, async () => {
      for (const changes of [
        { redirectUris: ["https://attacker.example.com/callback"] },
        { scopes: ["openid"] },
        { scopes: ["openid", "Report.Read", "Organization.Read"] },
        { name: "Renamed" },
        { status: "Active" },
        { status: "Suspended", redirectUris: ["https://attacker.example.com/callback"] },
      ])
        expectError(await update(id, changes), 403, "openid.scope_not_held", "scopes");
      expectError(await rotate(id), 403, "openid.scope_not_held", "scopes");
    });
  });

  it("do not keep a principal with fewer permissions from ending the client", async () => {
    const client = await created({ scopes: ["Report.Read"] });
    expectWritten(await update(client.id, { status: "Suspended" }), 200);
    expectError(await update(client.id, { status: "Active" }), 403, "openid.scope_not_held", "scopes");
    expectWritten(await send(`DELETE /${client.id}/secrets/${client.secrets[0].id}`, manager), 204);
    expectWritten(await send(`DELETE /${client.id}`, manager), 204);
  });

  it("need not be held any more when their permission is no longer defined", async () => {
    const value = `Gone${unique()}`;
    await world.define(value);
    const { id } = await created({ scopes: ["Organization.Read", value] });
    const { body } = await world.send(`GET permissions?scope=Organization&limit=200`, world.administrator.token);
    const permission = body.items.find((one: AnyBody) => one.value === value);
    expectWritten(await world.send(`DELETE permissions/${permission.id}`, world.administrator.token), 204);
    expectWritten(await update(id, { name: "Renamed" }), 200);
    expectError(await update(id, { scopes: ["Organization.Read", value] }), 403, "openid.scope_not_held", "scopes");
    expectWritten(await update(id, { scopes: ["Organization.Read"] }), 200);
  });
});

describe("the scopes of a global client", () => {
  const global = (scopes: readonly string[], token = world.administrator.token) => create({ organizationId: null, scopes }, token);

  it("are permissions of organizations that are defined, and internal permissions that its creator holds", async () => {
    expectWritten(await global(["openid", "Report.Read", "Organization.Read", "User.Read"]), 201);
    const role = await world.send("POST roles", world.administrator.token, { name: `Clerk ${unique()}`, scope: "Internal" });
    for (const value of ["Client.Manage", "User.Read"])
      expectWritten(await world.rule(role.body.id, value, {}, world.administrator.token), 200);
    const clerk = await newPerson(world.server, "clerk");
    const route = `PUT internal/memberships/${clerk.id}`;
    expectWritten(await world.send(route, world.administrator.token, { roleId: role.body.id }), 200);
    await withoutTrace(world.server, async () => {
      for (const scopes of [["User.SetStatus"], ["User.Read", "Unknown.Permission"]])
        expectError(await global(scopes, clerk.token), 403, "openid.scope_not_held", "scopes");
    });
    expectWritten(await global(["openid", "Report.Read", "User.Read"], clerk.token), 201);
  });
});

describe("the service account of a service client", () => {
  const service = (serviceAccountId: string, token = world.owner.token, scopes: readonly string[] = ["Organization.Read"]) =>
    create({ kind: "service", serviceAccountId, scopes }, token);

  it("is one of the client's organization", async () => {
    const other = await newOrganization(world.server);
    const foreign = await newServiceAccount(world.server, other.owner.token, other.id, [
      (await rolesOf(world.server, other))["Member"] as string,
    ]);
    const own = await account(world.roles["Member"] as string);
    await withoutTrace(world.server, async () => {
      for (const id of [foreign.id, unknownId]) expectError(await service(id), 404, "serviceaccounts.not_found", "serviceAccountId");
      const global = { organizationId: null, kind: "service", serviceAccountId: own.id, scopes: ["User.Read"] };
      expectError(await create(global, world.administrator.token), 404, "serviceaccounts.not_found", "serviceAccountId");
    });
  });

  it("has no permissions that the principal who creates the client, changes it or gets its secret does not hold", async () => {
    const above = await account(await world.role(["Report.Read"]));
    const within = await account(await world.role(["Organization.Read"]));
    const { id } = (await service(above.id)).body;
    await withoutTrace(world.server, async () => {
      expectError(await service(above.id, manager), 403, "access.permission_not_held", "serviceAccountId");
      expectError(await update(id, { name: "Renamed" }), 403, "access.permission_not_held", "serviceAccountId");
      expectError(await rotate(id), 403, "access.permission_not_held", "serviceAccountId");
      expectError(await service(within.id, manager, ["Report.Read"]), 403, "openid.scope_not_held", "scopes");
    });
    expectWritten(await service(within.id, manager), 201);
  });

  it("takes its clients along when it is deleted", async () => {
    const { id: accountId } = await account(await world.role(["Organization.Read"]));
    const { id } = (await service(accountId)).body;
    expectWritten(await world.server.call(`DELETE /api/v1/service-accounts/${accountId}`, { token: world.owner.token }), 204);
    expectError(await send(`GET /${id}`, world.owner.token), 404, "openid.client_not_found");
  });
});
