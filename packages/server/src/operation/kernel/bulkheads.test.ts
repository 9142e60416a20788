import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { startTestServer } from "@gatehouse/testing/server.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openPostgresql } from "#platform/database/postgresql.ts";
import { bulkheads } from "#platform/resilience/policies.ts";

/** A check takes at most 200 ms; the rest is tolerance for a busy machine. */
const checkMsMax = 1_000;

describeOnPostgresql("administrative operations that wait for a table lock", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.on(await startTestServer({ DATABASE_POOL: "6", GATEHOUSE_SIGN_IN_LIMIT: "off" }, "postgresql"), [
      "admin",
      "nonMember",
    ]);
  });
  afterAll(() => world.close());

  it("delay no check, and calls above the bulkhead's limit are refused and write nothing", async () => {
    const { server, organization, owner, admin, nonMember } = world;
    const { metrics } = server.application.platform;
    const check = () =>
      world.send("POST authorization/check", admin.token, {
        userId: admin.id,
        tenantId: organization.id,
        actionType: "Organization.Read",
      });
    expect((await check()).status).toBe(200);
    const permitsInUse = async () =>
      (await metrics.bulkheadInUse.get()).values.find(({ labels }) => labels.name === "administration")?.value;
    const refused = async () =>
      (await metrics.bulkheadRefused.get()).values.find(({ labels }) => labels.name === "administration")?.value ?? 0;

    const other = openPostgresql({ url: server.configuration.databaseUrl as string, poolSize: 1 });
    const release = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const holding = other.owner.transaction().execute(async (tx) => {
      await sql`lock table organizations in access exclusive mode`.execute(tx);
      locked.resolve();
      await release.promise;
    });
    await locked.promise;
    const atOnce = 3;
    const waiting = Array.from({ length: atOnce + bulkheads.administration.waiting }, () =>
      world.send(`GET organizations/${organization.id}`, owner.token),
    );
    await eventually(permitsInUse).toBe(atOnce);
    const surplus = await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        world.send("POST organizations", nonMember.token, { name: "Surplus", slug: `surplus-${index}`, country: "VN" }),
      ),
    );
    const stopwatch = startStopwatch();
    const checked = await check();
    const tookMs = stopwatch.idleMs();
    release.resolve();
    await holding;
    await other.close();

    expect(surplus.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503]);
    expect(surplus[0]?.body.error.code).toBe("common.unavailable");
    expect(checked).toMatchObject({ status: 200 });
    expect(tookMs).toBeLessThan(checkMsMax);
    expect(await refused()).toBeGreaterThanOrEqual(5);
    const answered = await Promise.all(waiting);
    // A call that waited longer than the bulkhead allows was refused; none was aborted midway.
    expect(answered.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    expect(answered.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(atOnce);
    await eventually(permitsInUse).toBe(0);
    const mine = await world.send("GET organizations?limit=100", nonMember.token);
    expect(JSON.stringify(mine.body)).not.toContain("surplus-");
  });
});
