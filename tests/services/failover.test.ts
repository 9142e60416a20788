import { randomBytes } from "node:crypto";
import { runGatehouse } from "@gatehouse/testing/command-line.ts";
import { describeOnPostgresql, spendTransactions } from "@gatehouse/testing/databases.ts";
import { type OwnPostgresql, type OwnStandby, postgresqlPrograms, startPostgresql } from "@gatehouse/testing/own-postgresql.ts";
import { type Person, password } from "@gatehouse/testing/people.ts";
import { type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { asOperator, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";

const iam = "/api/v1/iam";
/** Time for a promotion, reconnects and one read of the log; the rest allows for a busy machine. */
const backMs = 30_000;

// The primary crashes, and the standby has not received its last transactions.
describeOnPostgresql("a failover that loses the last transactions", () => {
  if (postgresqlPrograms() === undefined) return it.skip("PostgreSQL that a test can stop is not installed", () => {});
  let primary: OwnPostgresql;
  let standby: OwnStandby;
  let redis: OwnRedis;
  let server: TestServer;
  let other: TestServer;
  let world: World;
  let person: Person;
  let role: string;
  let environment: Readonly<Record<string, string>>;

  beforeAll(async () => {
    primary = await startPostgresql();
    redis = await startRedis();
    environment = {
      DATABASE_URL: primary.url,
      REDIS_URL: redis.url,
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
      GATEHOUSE_SIGN_IN_LIMIT: "off",
    };
    server = await openTestServer(environment);
    other = await openTestServer(environment, { worker: false });
    world = await World.on(server);
    await world.define("Room", "Room.Read", "Room.Close");
    role = await world.role(["Room.Read"]);
    person = await world.person(role);
    await server.application.settled();
    standby = await primary.standby();
    await primary.replayedBy(standby);
    await standby.crash();
  }, 240_000);
  afterAll(async () => {
    await other?.close();
    await server?.close();
    await standby?.close();
    await primary?.close();
    await redis?.close();
  }, 60_000);

  const may = async (at: TestServer, actionType: string, token = person.token) => {
    const body = { userId: person.id, tenantId: world.organization.id, actionType };
    const { status, body: answer } = await at.call<{ isAuthorized?: boolean }>(`POST ${iam}/authorization/check`, { token, body });
    return answer.isAuthorized ?? status;
  };

  it("after a failover no process and no Redis snapshot caches what the database has lost", { timeout: 180_000 }, async () => {
    await world.send(`POST roles/${role}/permissions`, world.owner.token, { permissions: ["Room.Close"] });
    const { body } = await server.call<{ sessionToken: string }>(`POST ${iam}/auth/login`, { body: { email: person.email, password } });
    const lost = body.sessionToken;
    for (const at of [server, other]) {
      await expect.poll(() => may(at, "Room.Close")).toBe(true);
      expect((await at.call(`GET ${iam}/users/me`, { token: lost })).status).toBe(200);
    }
    await server.application.settled();
    // The standby's next transactions reuse the lost ids and pass them before a process reads the log.
    await primary.crash();
    await standby.promote(primary.port);
    await expect
      .poll(
        () =>
          spendTransactions(standby.url, 500).then(
            () => true,
            () => false,
          ),
        { timeout: backMs },
      )
      .toBe(true);

    for (const at of [server, other]) {
      await expect.poll(() => may(at, "Room.Read"), { timeout: backMs }).toBe(true);
      expect(await may(at, "Room.Close")).toBe(false);
      expect((await at.call(`GET ${iam}/users/me`, { token: lost })).status).toBe(401);
    }
    const started = await openTestServer(environment, { worker: false });
    try {
      expect(await may(started, "Room.Close"), "Redis is not believed by a process that starts").toBe(false);
    } finally {
      await started.close();
    }
  });

  it("`projection verify` compares every process's caches with the database and invalidates what differs", {
    timeout: 120_000,
  }, async () => {
    for (const at of [server, other]) await expect.poll(() => may(at, "Room.Read"), { timeout: backMs }).toBe(true);
    const verified = () => runGatehouse(["projection", "verify"], { ...environment, DATABASE_URL: primary.url });
    const sound = await verified();
    expect(sound, sound.output).toMatchObject({ code: 0, output: expect.stringContaining("all equal to the database") });
    // Both servers of this test are in one process, so one of them reports.
    expect(sound.output).toMatch(/1 running processes reported/);
    // Changed by SQL, without an event, as after an unnoticed failover.
    await sql`update projection_entries set value = '{"status": "Suspended"}' where key = ${`iam:user:id:${person.id}`}`.execute(
      server.application.platform.database.owner,
    );
    const found = await verified();
    expect(found.code, found.output).toBe(1);
    expect(found.output).toMatch(new RegExp(`differs +cache +iam:user:id:${person.id}`));
    const again = await verified();
    expect(again.output).toMatch(new RegExp(`differs +table +iam:user:id:${person.id}`));
    expect(again.output, "what differed was forgotten").not.toMatch(/differs +cache/);
    await asOperator(server, "decisions.repairProjection", { keys: [`iam:user:id:${person.id}`] });
    for (const at of [server, other]) await expect.poll(() => may(at, "Room.Read"), { timeout: backMs }).toBe(true);
  });

  it("after a failover new writes are projected, handled and visible in every process", { timeout: 120_000 }, async () => {
    await expect
      .poll(async () => (await world.send(`POST roles/${role}/permissions`, world.owner.token, { permissions: ["Room.Close"] })).status, {
        timeout: backMs,
      })
      .toBe(200);
    for (const at of [server, other]) await expect.poll(() => may(at, "Room.Close"), { timeout: backMs }).toBe(true);
    await server.application.settled();
    const removed = await world.send(`DELETE roles/${role}/permissions`, world.owner.token, { permissions: ["Room.Close"] });
    expect(removed.status).toBe(200);
    for (const at of [server, other]) await expect.poll(() => may(at, "Room.Close"), { timeout: backMs }).toBe(false);
  });
});
