import { newOrganization } from "@gatehouse/testing/people.ts";
import { fillOrganization } from "@gatehouse/testing/populate.ts";
import { type AnyBody, asOperator, distributed } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { everyTenant, type WriteHandle } from "#platform/database/database.ts";

/** Several batches of each kind. */
const memberCount = 2_500;
const grantCount = 1_500;

// The batches are done by hand, so that it can be looked between them.
const world = World.ofSuite();

const transact = <T>(work: (tx: WriteHandle) => Promise<T>): Promise<T> =>
  world.server.application.platform.database.transact(everyTenant, work);

const countOf = async (table: string, id: string, column = "organization_id"): Promise<number> => {
  const { rows } = await transact((tx) =>
    sql<{ count: number }>`select count(*)::int as count from ${sql.table(table)} where ${sql.ref(column)} = ${id}`.execute(tx),
  );
  return rows[0]?.count ?? 0;
};
const eventsOf = async (id: string, type: string): Promise<number> => {
  const { rows } = await transact((tx) =>
    sql<{ count: number }>`select count(*)::int as count from events where organization_id = ${id} and type = ${type}`.execute(tx),
  );
  return rows[0]?.count ?? 0;
};
const erase = (id: string) => asOperator(world.server, "tenancy.eraseOrganization", { organizationId: id });
const continueErasure = (id: string) => asOperator(world.server, "tenancy.continueErasure", { organizationId: id });
const erasures = async (): Promise<AnyBody[]> => (await world.send("GET organization-erasures", world.administrator.token)).body.items;

// Runs its batches itself, so it stops the jobs of this process. tests/distributed/erasure.test.ts covers separate processes.
describe.skipIf(distributed)("the erasure of a large organization", () => {
  it("denies immediately, hides the organization, reports its progress and deletes everything", async () => {
    const at = await newOrganization(world.server);
    await fillOrganization(world.server.application.platform.database, at.id, {
      members: memberCount,
      grants: grantCount,
      recordedDecisions: memberCount,
    });
    await world.server.application.settled();
    await world.server.application.platform.jobs.close();
    expect(await erase(at.id)).toEqual({ erased: true });

    expect((await world.send(`GET organizations/${at.id}`, at.owner.token)).status).toBe(403);
    expect((await world.send(`GET organizations/${at.id}`, world.administrator.token)).status).toBe(404);
    const mine = await world.send("GET organizations", at.owner.token);
    expect(mine.body.items).toEqual([]);
    // Neither billing nor an administrator can restore it.
    expect((await world.send(`PUT organizations/${at.id}`, world.administrator.token, { status: "Active" })).status).toBe(404);
    expect(await erase(at.id)).toEqual({ erased: false });
    expect(await erasures()).toMatchObject([
      { organizationId: at.id, membersTotal: memberCount + 1, membersRemoved: 0, lastBatchAt: null },
    ]);

    expect(await continueErasure(at.id)).toEqual({ more: true, membersRemoved: 500, membersTotal: memberCount + 1 });
    expect(await countOf("memberships", at.id)).toBe(memberCount - 499);
    expect(await erasures()).toMatchObject([{ membersRemoved: 500, lastBatchAt: expect.any(String) }]);
    expect((await world.server.call("GET /metrics")).body).toContain('gatehouse_organizations{status="Erasing"} 1');

    let batches = 1;
    while ((await continueErasure(at.id)).more) batches += 1;
    expect(batches).toBeGreaterThan(10);
    for (const table of ["memberships", "role_assignments", "relationships", "recorded_decisions", "roles", "access_tenants"]) {
      expect([table, await countOf(table, at.id)]).toEqual([table, 0]);
    }
    expect(await countOf("organizations", at.id, "id")).toBe(0);
    // By hand the batches do not wait for each other; the administrator's next decision waits for what they have changed.
    await world.server.application.settled();
    expect(await erasures()).toEqual([]);
    expect(await eventsOf(at.id, "membership.removed.v1")).toBe(memberCount + 1);
    expect(await eventsOf(at.id, "grant.revoked.v1")).toBe(grantCount);
    expect(await eventsOf(at.id, "organization.erased.v1")).toBe(1);
    expect(await continueErasure(at.id)).toMatchObject({ more: false });
    expect(await eventsOf(at.id, "organization.erased.v1")).toBe(1);
  }, 120_000);
});
