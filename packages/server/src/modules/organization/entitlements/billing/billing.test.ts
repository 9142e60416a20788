import { randomUUID } from "node:crypto";
import { type BillingWorld, openBillingWorld } from "@gatehouse/testing/billing.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { newOrganization, type OrganizationOf } from "@gatehouse/testing/people.ts";
import { distributed } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import type { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { system } from "#operation/declaration/principal.ts";
import { internalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { backgroundOrigin } from "#operation/kernel/scheduled.ts";
import { everyTenant } from "#platform/database/database.ts";
import { firstRow, rowsOf } from "#platform/database/rows.ts";
import { policies } from "#platform/resilience/policies.ts";
import { reconcile } from "./reconcile.ts";

let opened: BillingWorld;
let world: World;
let answers: BillingWorld["answers"];
let requests: BillingWorld["requests"];

beforeAll(async () => {
  opened = await openBillingWorld();
  ({ world, answers, requests } = opened);
});
afterAll(() => opened?.close());
beforeEach(() => {
  answers.clear();
  requests.length = 0;
});

const platform = () => world.server.application.platform;
const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
const deadLetters = () => opened.deadLetters();
const publish = (...given: Parameters<BillingWorld["publish"]>) => opened.publish(...given);
const stateOf = (at: OrganizationOf) => opened.stateOf(at);
const received = (id: string) => opened.received(id);

describe("an event of billing", () => {
  it("suspends, activates, changes and ends a subscription, and is audited", async () => {
    const at = await newOrganization(world.server);
    await publish("subscription.activated", { organizationId: at.id, subscriptionId: "s1", planId: "pro", entitlements: { seats: 5 } });
    await eventually(() => stateOf(at)).toEqual({ status: "Active", plan: "pro", entitlements: { seats: 5 } });
    await publish("subscription.suspended", { organizationId: at.id });
    await eventually(() => stateOf(at)).toEqual({ status: "Suspended", plan: "pro", entitlements: { seats: 5 } });
    await publish("subscription.plan.changed", {
      organizationId: at.id,
      oldPlanId: "pro",
      newPlanId: "big",
      entitlements: { seats: "unlimited" },
    });
    await eventually(() => stateOf(at)).toEqual({ status: "Suspended", plan: "big", entitlements: { seats: "unlimited" } });
    await publish("subscription.deactivated", { organizationId: at.id });
    await eventually(() => stateOf(at)).toEqual({ status: "Suspended", plan: null, entitlements: {} });
    const audited = await platform().database.read(everyTenant, (db) =>
      firstRow(
        db,
        sql<{ count: number }>`select count(*)::int as count from audit_entries
    where operation = 'entitlements.followBilling' and organization_id = ${at.id}`,
      ),
    );
    expect(audited?.count).toBe(4);
    expect(requests).toEqual([]);
  });

  it("without entitlements makes the consumer fetch them from billing", async () => {
    const at = await newOrganization(world.server);
    answers.set(at.id, { status: "active", planId: "pro", entitlements: { video: true } });
    await publish("subscription.activated", { organizationId: at.id });
    await eventually(() => stateOf(at)).toEqual({ status: "Active", plan: "pro", entitlements: { video: true } });
    expect(requests).toEqual([{ id: at.id, authorization: "Bearer a token of billing" }]);
  });

  it("is applied once, and an older one than the last applied changes nothing", async () => {
    const at = await newOrganization(world.server);
    const newest = await publish("subscription.suspended", { organizationId: at.id }, { time: minutesAgo(1) });
    await eventually(() => stateOf(at)).toMatchObject({ status: "Suspended" });
    const older = await publish("subscription.activated", { organizationId: at.id, entitlements: {} }, { time: minutesAgo(5) });
    await eventually(() => received(older.id)).toBe(true);
    expect(await stateOf(at)).toMatchObject({ status: "Suspended", entitlements: null });
    await publish("subscription.activated", { organizationId: at.id, entitlements: { seats: 1 } });
    await eventually(() => stateOf(at)).toMatchObject({ status: "Active" });
    await platform().broker.publish([{ exchange: "bum.events", event: newest }]);
    const last = await publish("subscription.plan.changed", { organizationId: at.id, newPlanId: "last", entitlements: {} });
    await eventually(() => received(last.id)).toBe(true);
    expect(await stateOf(at)).toMatchObject({ status: "Active", plan: "last" });
  });

  it("that is malformed becomes a dead letter and changes nothing", async () => {
    const at = await newOrganization(world.server);
    const before = (await deadLetters().list({ limit: 200 })).items.length;
    const bad = await withoutTraceOf(at, async () => [
      await publish("subscription.activated", { organizationId: "none", entitlements: {} }),
      await publish("subscription.plan.changed", { organizationId: at.id, entitlements: { seats: -1 } }),
      await publish("subscription.suspended", { organizationId: at.id }, { time: "yesterday" }),
      await publish("subscription.activated", { organizationId: at.id }),
    ]);
    const ids = (await deadLetters().list({ limit: 200 })).items.map(({ id }) => id);
    expect(ids).toHaveLength(before + 4);
    expect(ids).toEqual(expect.arrayContaining(bad.map(({ id }) => id)));
  });

  it("of an unknown organization emits subscription-sync.failed.v1 once", async () => {
    const organizationId = randomUUID();
    const event = await publish("subscription.suspended", { organizationId });
    await eventually(() => received(event.id)).toBe(true);
    await platform().broker.publish([{ exchange: "bum.events", event }]);
    const failures = () =>
      platform().database.read(everyTenant, (db) =>
        rowsOf(db, sql`select data from events where type = 'subscription-sync.failed.v1' and organization_id = ${organizationId}`),
      );
    await eventually(failures).toHaveLength(1);
  });

  it("more than five minutes in the future becomes a dead letter and blocks no later event", async () => {
    const at = await newOrganization(world.server);
    await withoutTraceOf(at, async () => [
      await publish("subscription.suspended", { organizationId: at.id }, { time: "9999-12-31T23:59:59Z" }),
      await publish("subscription.suspended", { organizationId: at.id }, { time: minutesAgo(-6) }),
      await publish("tenant.data.deletion.requested", { tenantId: at.id }, { time: minutesAgo(-6) }),
    ]);
    await publish("subscription.suspended", { organizationId: at.id }, { time: minutesAgo(-4) });
    await eventually(() => stateOf(at)).toMatchObject({ status: "Suspended" });
    expect((await deadLetters().list({ limit: 200 })).items.filter(({ failure }) => failure.includes("five minutes"))).toHaveLength(3);
  });

  it("in the future is refused by the command itself too", async () => {
    const at = await newOrganization(world.server);
    const occurredAt = minutesAgo(-6);
    const input = { organizationId: at.id, messageId: `question ${occurredAt}`, occurredAt, status: "Suspended" };
    await withoutTrace(world.server, () =>
      expect(
        world.server.application.dispatch({
          operation: "entitlements.followBilling",
          input,
          principal: system,
          origin: backgroundOrigin(),
        }),
      ).rejects.toMatchObject({ definition: { code: "entitlements.event_from_the_future" } }),
    );
  });

  const withoutTraceOf = async <T>(at: OrganizationOf, work: () => Promise<T>): Promise<T> => {
    const before = await stateOf(at);
    const count = (await deadLetters().list({ limit: 200 })).items.length;
    const result = await work();
    await eventually(async () => (await deadLetters().list({ limit: 200 })).items.length).toBe(count + (result as unknown[]).length);
    expect(await stateOf(at)).toEqual(before);
    return result;
  };
});

describe("the reconciliation", () => {
  const run = () => reconcile(platform(), internalDispatch(world.server.application.dispatch));
  const allOrganizations = async (): Promise<readonly string[]> => {
    const rows = await platform().database.read(everyTenant, (db) => rowsOf(db, sql<{ id: string }>`select id from organizations`));
    return rows.map(({ id }) => id);
  };

  it("corrects differences, ignores organizations that billing does not know, and a second run changes nothing", async () => {
    const [differs, unknown] = [await newOrganization(world.server), await newOrganization(world.server)];
    answers.set(differs.id, { status: "active", planId: "pro", entitlements: { seats: 9 } });
    const before = await stateOf(unknown);
    await run();
    expect(await stateOf(differs)).toEqual({ status: "Active", plan: "pro", entitlements: { seats: 9 } });
    expect(await stateOf(unknown)).toEqual(before);
    await withoutTrace(world.server, run);
  });

  it("changes nothing where an answer of billing fails or is invalid", async () => {
    const first = await newOrganization(world.server);
    const last = await newOrganization(world.server);
    for (const issue of [500, { status: "active" }, {}]) {
      answers.set(first.id, { status: "suspended", planId: null, entitlements: {} });
      answers.set(last.id, issue);
      await withoutTrace(world.server, () => expect(run()).rejects.toThrow("billing"));
    }
  });

  it("refuses a loss for many organizations at once, and still applies gains", async () => {
    const organizations: OrganizationOf[] = [];
    for (let index = 0; index < 5; index += 1) organizations.push(await newOrganization(world.server));
    const gains = await newOrganization(world.server);
    for (const id of await allOrganizations()) answers.set(id, { status: "inactive", planId: null, entitlements: {} });
    answers.set(gains.id, { status: "active", planId: "pro", entitlements: { seats: 2 } });
    await run();
    for (const at of organizations) expect((await stateOf(at)).status).toBe("Active");
    expect(await stateOf(gains)).toEqual({ status: "Active", plan: "pro", entitlements: { seats: 2 } });
  });

  it("suspends a single organization", async () => {
    const at = await newOrganization(world.server);
    answers.set(at.id, { status: "suspended", planId: "pro", entitlements: {} });
    await run();
    expect(await stateOf(at)).toMatchObject({ status: "Suspended" });
  });
});

// The test reads metrics and health of the process that handles messages; with separate roles the HTTP server is another process.
if (distributed) console.warn("skipped: an unavailable billing: the test reads the worker's metrics, so it needs one process");
describe.skipIf(distributed)("while billing is unavailable", () => {
  const metric = async (line: string): Promise<number> =>
    Number(
      new RegExp(`^${line.replaceAll(/[{}]/g, "\\$&")} (\\d+)$`, "m").exec((await world.server.call<string>("GET /metrics")).body)?.[1],
    );
  const isOpen = () => metric('gatehouse_circuit_open{dependency="billing.api"}');
  const background = async () => (await world.server.call("GET /health/background")).body;
  const { breaker, retries, bulkhead } = policies["billing.api"];

  it("messages are applied without delay, the circuit opens, and the missing entitlements are fetched afterwards", {
    timeout: 90_000,
  }, async () => {
    expect(await isOpen()).toBe(0);
    const away: OrganizationOf[] = [];
    // More than a consumer handles concurrently.
    for (let index = 0; index < 36; index += 1) away.push(await newOrganization(world.server));
    for (const { id } of away) answers.set(id, 500);
    for (const { id } of away) await publish("subscription.suspended", { organizationId: id });
    for (const { id } of away) await publish("subscription.activated", { organizationId: id, planId: "pro" });
    for (const at of away) await eventually(() => stateOf(at)).toMatchObject({ status: "Active", plan: "pro" });
    // Without the circuit breaker each message would cause several requests.
    expect(requests.length).toBeLessThan(breaker.failures + bulkhead.atOnce);
    expect(requests.length).toBeLessThan(away.length * (retries.times + 1));
    expect(await isOpen()).toBe(1);
    expect(await metric('gatehouse_dependency_calls_total{dependency="billing.api",outcome="circuit_open"}')).toBeGreaterThan(0);
    expect(await metric('gatehouse_bulkhead_in_use{name="billing.api"}')).toBe(0);
    expect(await background()).toMatchObject({ status: "UP", degraded: ["billing"] });

    for (const { id } of away) answers.set(id, { status: "active", planId: "pro", entitlements: { seats: 7 } });
    const retryJobs = async () => {
      await sql`update jobs.job set start_after = now() where name = 'entitlements.ask-billing' and state = 'retry'`.execute(
        platform().database.owner,
      );
      return (await Promise.all(away.map(stateOf))).map(({ entitlements }) => (entitlements as { seats: number }).seats);
    };
    await expect.poll(retryJobs, { timeout: 60_000, interval: 500 }).toEqual(away.map(() => 7));
    expect(await isOpen()).toBe(0);
    expect((await background()).degraded).toBeUndefined();
  });
});
