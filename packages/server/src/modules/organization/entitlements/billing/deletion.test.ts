import { randomUUID } from "node:crypto";
import { type BillingWorld, openBillingWorld } from "@gatehouse/testing/billing.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { newOrganization, type OrganizationOf } from "@gatehouse/testing/people.ts";
import { distributed } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import type { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { internalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { everyTenant } from "#platform/database/database.ts";
import { deleteConfirmed } from "./delete-confirmed.ts";

let opened: BillingWorld;
let world: World;
let said: BillingWorld["said"];

beforeAll(async () => {
  opened = await openBillingWorld();
  ({ world, said } = opened);
});
afterAll(() => opened?.close());
beforeEach(() => said.clear());

const platform = () => world.server.application.platform;
const letters = () => opened.letters();
const says = (...given: Parameters<BillingWorld["says"]>) => opened.says(...given);
const stateOf = (at: OrganizationOf) => opened.stateOf(at);
const received = (id: string) => opened.received(id);

describe("tenant.data.deletion.requested", () => {
  const wanted = { status: "inactive", planId: null, entitlements: {}, deletionRequested: true };
  const deleteDue = () => deleteConfirmed(platform(), internalDispatch(world.server.application.dispatch));
  const isRequested = async ({ id }: OrganizationOf): Promise<boolean> => {
    const { rows } = await platform().database.read(everyTenant, (db) =>
      sql`select from deletion_requests where organization_id = ${id}`.execute(db as never),
    );
    return rows.length > 0;
  };
  /** The rows of a tenant in every table that has tenants, without the log and the trail. */
  const rowsOf = async (id: string): Promise<Readonly<Record<string, number>>> => {
    const { database } = platform();
    // The log and the trail tell what happened; the trail ends with its retention, and a person's data with its erasure.
    const { rows: columns } = await sql<{ name: string }>`
      select table_name as name from information_schema.columns
      where table_schema = 'public' and column_name = 'organization_id' and table_name <> 'events' and (table_name not like 'audit\\_%' or table_name like 'audit\\_export%')`.execute(
      database.owner,
    );
    const found: Record<string, number> = {};
    await database.transact(everyTenant, async (tx) => {
      for (const { name } of columns) {
        // The read model keeps a mark under the id where something was: it says that nothing is there.
        const there = name === "projection_entries" ? sql`and value <> 'null'::jsonb` : sql``;
        const { rows } = await sql<{ count: number }>`
          select count(*)::int as count from ${sql.table(name)} where organization_id = ${id} ${there}`.execute(tx);
        found[name] = rows[0]?.count ?? 0;
      }
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from organizations where id = ${id}`.execute(tx);
      found["organizations"] = rows[0]?.count ?? 0;
    });
    return found;
  };

  it("leaves nothing of the organization but ids in the log and the trail, and touches no other", async () => {
    const [gone, kept] = [await newOrganization(world.server), await newOrganization(world.server)];
    for (const at of [gone, kept]) {
      await world.setEntitlements({ seats: 3 }, at);
      const role = await world.role([], at);
      const invited = await world.send(`POST organizations/${at.id}/invitations`, at.owner.token, {
        email: `x-${randomUUID()}@example.com`,
        roleId: role,
      });
      expect(invited.status).toBe(201);
    }
    await world.server.application.settled();
    const before = await rowsOf(kept.id);
    expect((await rowsOf(gone.id))["memberships"]).toBe(1);
    said.set(gone.id, wanted);
    await says("tenant.data.deletion.requested", { tenantId: gone.id });
    await eventually(() => isRequested(gone)).toBe(true);
    await deleteDue();
    await eventually(async () => (await rowsOf(gone.id))["organizations"]).toBe(0);
    await world.server.application.settled();
    expect(Object.entries(await rowsOf(gone.id)).filter(([, count]) => count > 0)).toEqual([]);
    expect(await rowsOf(kept.id)).toEqual(before);
    expect((await world.send(`GET organizations/${gone.id}`, gone.owner.token)).status).toBe(404);
    expect((await world.send(`GET organizations/${kept.id}`, kept.owner.token)).status).toBe(200);
    // Late news of it, and the request once more, change nothing and are no failure.
    const again = await says("tenant.data.deletion.requested", { tenantId: gone.id });
    const late = await says("subscription.suspended", { organizationId: gone.id });
    await eventually(() => received(late.id)).toBe(true);
    const { items } = await letters().list({ limit: 200 });
    expect(items.map(({ id }) => id)).not.toEqual(expect.arrayContaining([again.id]));
  });

  it("is put aside, and touches nothing, where billing's API does not say so too", async () => {
    const at = await newOrganization(world.server);
    const before = (await letters().list({ limit: 200 })).items.length;
    for (const answer of [404, { ...wanted, deletionRequested: false }, { status: "inactive", planId: null, entitlements: {} }]) {
      said.set(at.id, answer);
      await says("tenant.data.deletion.requested", { tenantId: at.id });
    }
    await eventually(async () => (await letters().list({ limit: 200 })).items.length).toBe(before + 3);
    expect(await isRequested(at)).toBe(false);
    await withoutTrace(world.server, deleteDue);
  });

  it("waits for its delay, and is dropped where billing has changed its mind until then", async () => {
    const at = await newOrganization(world.server);
    said.set(at.id, wanted);
    await says("tenant.data.deletion.requested", { tenantId: at.id });
    await eventually(() => isRequested(at)).toBe(true);
    await sql`update deletion_requests set due_at = now() + interval '1 minute'`.execute(platform().database.owner);
    await withoutTrace(world.server, deleteDue);
    expect(await isRequested(at)).toBe(true);
    await sql`update deletion_requests set due_at = now()`.execute(platform().database.owner);
    said.set(at.id, { ...wanted, deletionRequested: false });
    await deleteDue();
    expect(await isRequested(at)).toBe(false);
    expect(await stateOf(at)).toMatchObject({ status: "Active" });
  });

  it("changes nothing where billing is away when it is due", async () => {
    const at = await newOrganization(world.server);
    said.set(at.id, wanted);
    await says("tenant.data.deletion.requested", { tenantId: at.id });
    await eventually(() => isRequested(at)).toBe(true);
    said.set(at.id, 500);
    await withoutTrace(world.server, () => expect(deleteDue()).rejects.toThrow("billing"));
    expect(await isRequested(at)).toBe(true);
    said.set(at.id, { ...wanted, deletionRequested: false });
    await deleteDue();
  });

  it("stops where more than the share would go within a day: none is erased, and the metric tells", async () => {
    const many: OrganizationOf[] = [];
    for (let index = 0; index < 4; index += 1) many.push(await newOrganization(world.server));
    for (const at of many) {
      said.set(at.id, wanted);
      await says("tenant.data.deletion.requested", { tenantId: at.id });
      await eventually(() => isRequested(at)).toBe(true);
    }
    await withoutTrace(world.server, deleteDue);
    // The worker counts it; with roles apart the process that is called here is another one.
    const metrics = distributed ? undefined : (await world.server.call<string>("GET /metrics")).body;
    if (metrics !== undefined) expect(metrics).toContain('gatehouse_billing_deletions_total{outcome="stopped"} 1');
    // Two remain wanted; with the one that was erased above they are no more than three.
    for (const at of many.slice(2)) said.set(at.id, { ...wanted, deletionRequested: false });
    await deleteDue();
    const left = () => Promise.all(many.map(async ({ id }) => (await rowsOf(id))["organizations"]));
    await eventually(left).toEqual([0, 0, 1, 1]);
  });
});
