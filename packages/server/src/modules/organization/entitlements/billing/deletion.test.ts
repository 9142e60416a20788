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
import { rowsOf } from "#platform/database/rows.ts";
import { deleteConfirmed } from "./delete-confirmed.ts";

let opened: BillingWorld;
let world: World;
let answers: BillingWorld["answers"];

beforeAll(async () => {
  opened = await openBillingWorld();
  ({ world, answers } = opened);
});
afterAll(() => opened?.close());
beforeEach(() => answers.clear());

const platform = () => world.server.application.platform;
const deadLetters = () => opened.deadLetters();
const publish = (...given: Parameters<BillingWorld["publish"]>) => opened.publish(...given);
const stateOf = (at: OrganizationOf) => opened.stateOf(at);
const received = (id: string) => opened.received(id);

describe("tenant.data.deletion.requested", () => {
  const wanted = { status: "inactive", planId: null, entitlements: {}, deletionRequested: true };
  const deleteDue = () => deleteConfirmed(platform(), internalDispatch(world.server.application.dispatch));
  const isRequested = async ({ id }: OrganizationOf): Promise<boolean> => {
    const rows = await platform().database.read(everyTenant, (db) =>
      rowsOf(db, sql`select from deletion_requests where organization_id = ${id}`),
    );
    return rows.length > 0;
  };
  /** The number of a tenant's rows in every table with tenants, except the event log and the audit log. */
  const rowCounts = async (id: string): Promise<Readonly<Record<string, number>>> => {
    const { database } = platform();
    // The event log and the audit log retain entries; personal data in them is erased separately.
    const { rows: columns } = await sql<{ name: string }>`
      select table_name as name from information_schema.columns
      where table_schema = 'public' and column_name = 'organization_id' and table_name <> 'events' and (table_name not like 'audit\\_%' or table_name like 'audit\\_export%')`.execute(
      database.owner,
    );
    const found: Record<string, number> = {};
    await database.transact(everyTenant, async (tx) => {
      for (const { name } of columns) {
        // The projection stores a tombstone under the id of a deleted entry.
        const notTombstone = name === "projection_entries" ? sql`and value <> 'null'::jsonb` : sql``;
        const { rows } = await sql<{ count: number }>`
          select count(*)::int as count from ${sql.table(name)} where organization_id = ${id} ${notTombstone}`.execute(tx);
        found[name] = rows[0]?.count ?? 0;
      }
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from organizations where id = ${id}`.execute(tx);
      found["organizations"] = rows[0]?.count ?? 0;
    });
    return found;
  };

  it("deletes all data of the organization but ids in the event log and the audit log, and no other organization's", async () => {
    const [erased, untouched] = [await newOrganization(world.server), await newOrganization(world.server)];
    for (const at of [erased, untouched]) {
      await world.setEntitlements({ seats: 3 }, at);
      const role = await world.role([], at);
      const invited = await world.send(`POST organizations/${at.id}/invitations`, at.owner.token, {
        email: `x-${randomUUID()}@example.com`,
        roleId: role,
      });
      expect(invited.status).toBe(201);
    }
    await world.server.application.settled();
    const before = await rowCounts(untouched.id);
    expect((await rowCounts(erased.id))["memberships"]).toBe(1);
    answers.set(erased.id, wanted);
    await publish("tenant.data.deletion.requested", { tenantId: erased.id });
    await eventually(() => isRequested(erased)).toBe(true);
    await deleteDue();
    await eventually(async () => (await rowCounts(erased.id))["organizations"]).toBe(0);
    await world.server.application.settled();
    expect(Object.entries(await rowCounts(erased.id)).filter(([, count]) => count > 0)).toEqual([]);
    expect(await rowCounts(untouched.id)).toEqual(before);
    expect((await world.send(`GET organizations/${erased.id}`, erased.owner.token)).status).toBe(404);
    expect((await world.send(`GET organizations/${untouched.id}`, untouched.owner.token)).status).toBe(200);
    // Late events and a repeated request change nothing and are no failure.
    const again = await publish("tenant.data.deletion.requested", { tenantId: erased.id });
    const late = await publish("subscription.suspended", { organizationId: erased.id });
    await eventually(() => received(late.id)).toBe(true);
    const { items } = await deadLetters().list({ limit: 200 });
    expect(items.map(({ id }) => id)).not.toEqual(expect.arrayContaining([again.id]));
  });

  it("becomes a dead letter and changes nothing where billing's API does not confirm it", async () => {
    const at = await newOrganization(world.server);
    const before = (await deadLetters().list({ limit: 200 })).items.length;
    for (const answer of [404, { ...wanted, deletionRequested: false }, { status: "inactive", planId: null, entitlements: {} }]) {
      answers.set(at.id, answer);
      await publish("tenant.data.deletion.requested", { tenantId: at.id });
    }
    await eventually(async () => (await deadLetters().list({ limit: 200 })).items.length).toBe(before + 3);
    expect(await isRequested(at)).toBe(false);
    await withoutTrace(world.server, deleteDue);
  });

  it("is executed after its delay only, and withdrawn where billing no longer confirms it", async () => {
    const at = await newOrganization(world.server);
    answers.set(at.id, wanted);
    await publish("tenant.data.deletion.requested", { tenantId: at.id });
    await eventually(() => isRequested(at)).toBe(true);
    await sql`update deletion_requests set due_at = now() + interval '1 minute'`.execute(platform().database.owner);
    await withoutTrace(world.server, deleteDue);
    expect(await isRequested(at)).toBe(true);
    await sql`update deletion_requests set due_at = now()`.execute(platform().database.owner);
    answers.set(at.id, { ...wanted, deletionRequested: false });
    await deleteDue();
    expect(await isRequested(at)).toBe(false);
    expect(await stateOf(at)).toMatchObject({ status: "Active" });
  });

  it("changes nothing where billing is unavailable when the deletion is due", async () => {
    const at = await newOrganization(world.server);
    answers.set(at.id, wanted);
    await publish("tenant.data.deletion.requested", { tenantId: at.id });
    await eventually(() => isRequested(at)).toBe(true);
    answers.set(at.id, 500);
    await withoutTrace(world.server, () => expect(deleteDue()).rejects.toThrow("billing"));
    expect(await isRequested(at)).toBe(true);
    answers.set(at.id, { ...wanted, deletionRequested: false });
    await deleteDue();
  });

  it("is stopped where more than the allowed share is due within a day, and the metric counts it", async () => {
    const many: OrganizationOf[] = [];
    for (let index = 0; index < 4; index += 1) many.push(await newOrganization(world.server));
    for (const at of many) {
      answers.set(at.id, wanted);
      await publish("tenant.data.deletion.requested", { tenantId: at.id });
      await eventually(() => isRequested(at)).toBe(true);
    }
    await withoutTrace(world.server, deleteDue);
    // The worker counts it; with separate roles the process called here is another one.
    const metrics = distributed ? undefined : (await world.server.call<string>("GET /metrics")).body;
    if (metrics !== undefined) expect(metrics).toContain('gatehouse_billing_deletions_total{outcome="stopped"} 1');
    // Two remain requested; with the one erased above there are no more than three.
    for (const at of many.slice(2)) answers.set(at.id, { ...wanted, deletionRequested: false });
    await deleteDue();
    const left = () => Promise.all(many.map(async ({ id }) => (await rowCounts(id))["organizations"]));
    await eventually(left).toEqual([0, 0, 1, 1]);
  });
});
