import { expectOk } from "@gatehouse/testing/answers.ts";
import { newClient } from "@gatehouse/testing/clients.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { newOrganization, rolesOf } from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";

const world = World.ofSuite();

const call = (route: string, body?: object, token = world.owner.token): Promise<AnyBody> =>
  expectOk(world.server.call(route, { token, ...(body === undefined ? {} : { body }) }));
const rowsOf = async <Row>(query: ReturnType<typeof sql<Row>>): Promise<readonly Row[]> =>
  (await world.server.application.platform.database.transact(everyTenant, (tx) => query.execute(tx))).rows;
const count = async (table: string, column: string, value: string): Promise<number> => {
  const query = sql<{ count: number }>`select count(*)::int as count from ${sql.table(table)} where ${sql.ref(column)} = ${value}`;
  return (await rowsOf(query))[0]?.count ?? -1;
};

describe("the records of a client", () => {
  it("are an event and an audit entry for each change", async () => {
    const organizationId = world.organization.id;
    const { id, secrets } = await newClient(world.server, world.owner.token, { organizationId, name: "Timesheets" });
    await call(`PATCH /api/v1/clients/${id}`, { name: "Hours", status: "Suspended" });
    const rotated = await call(`POST /api/v1/clients/${id}/secrets`, { overlapSeconds: 60 });
    await call(`DELETE /api/v1/clients/${id}/secrets/${secrets[0].id}`);
    await call(`DELETE /api/v1/clients/${id}`);
    const about = { clientId: id, organizationId, kind: "confidential" };
    const settings = { ...about, scopes: ["openid"] };
    const events = await rowsOf(
      sql<{ type: string; data: AnyBody; organization_id: string }>`select type, data, organization_id from events
        where data ->> 'clientId' = ${id} order by transaction, sequence`,
    );
    expect(events).toEqual([
      { type: "oauth_client.created.v1", data: { ...settings, name: "Timesheets", status: "Active" }, organization_id: organizationId },
      { type: "oauth_client.updated.v1", data: { ...settings, name: "Hours", status: "Suspended" }, organization_id: organizationId },
      {
        type: "oauth_client.secret_rotated.v1",
        data: { ...about, secretId: rotated.secrets.at(-1).id, earlierSecretsExpireAt: rotated.secrets[0].expiresAt },
        organization_id: organizationId,
      },
      { type: "oauth_client.secret_deleted.v1", data: { ...about, secretId: secrets[0].id }, organization_id: organizationId },
      { type: "oauth_client.deleted.v1", data: about, organization_id: organizationId },
    ]);
    const audited = async (): Promise<readonly AnyBody[]> =>
      (await call(`GET /api/v1/audit/logs?organizationId=${organizationId}&entityId=${id}&limit=50`)).items;
    await eventually(async () => (await audited()).map(({ action }) => action).toSorted()).toEqual([
      "Client.Created",
      "Client.Deleted",
      "Client.SecretDeleted",
      "Client.SecretRotated",
      "Client.Updated",
    ]);
    const updated = (await audited()).find(({ action }) => action === "Client.Updated");
    expect(updated).toMatchObject({
      entity: { type: "Client", id },
      details: { before: { name: "Timesheets", status: "Active" }, after: { name: "Hours", status: "Suspended" } },
    });
  });

  it("end with the organization", async () => {
    const organization = await newOrganization(world.server);
    const { token } = organization.owner;
    const roles = await rolesOf(world.server, organization);
    const { id: serviceAccountId } = await newServiceAccount(world.server, token, organization.id, [roles["Member"] as string]);
    await newClient(world.server, token, { organizationId: organization.id });
    const fields = { organizationId: organization.id, kind: "service", serviceAccountId, scopes: ["Organization.Read"] };
    await newClient(world.server, token, fields);
    expect(await count("oauth_client_secrets", "organization_id", organization.id)).toBe(2);
    await asOperator(world.server, "tenancy.eraseOrganization", { organizationId: organization.id });
    await eventually(() => count("organizations", "id", organization.id)).toBe(0);
    for (const table of ["oauth_clients", "oauth_client_secrets"]) expect(await count(table, "organization_id", organization.id)).toBe(0);
  });
});
