/** Attack 35 of docs/security/attacks.md. */
import { randomBytes } from "node:crypto";
import { expectOk } from "@gatehouse/testing/answers.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { times } from "@gatehouse/testing/lanes.ts";
import { type OwnPostgresql, postgresqlPrograms, startPostgresql } from "@gatehouse/testing/own-postgresql.ts";
import type { Person } from "@gatehouse/testing/people.ts";
import { type Wire, wireTo } from "@gatehouse/testing/proxy.ts";
import { type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { type AnyBody, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { World } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, expect, it } from "vitest";

const iam = "/api/v1/iam";
/** The lease expires after half a second and the peers' last report after one; the rest allows for a busy machine. */
const knownMs = 10_000;
const backMs = 20_000;
/** A process gives up after 900 ms; the rest allows for a busy machine. */
const withinMs = 1_500;
/** Long enough for several probes of the database and the peers. */
const whileMs = 2_000;

describeOnPostgresql("an unavailable database", () => {
  if (postgresqlPrograms() === undefined) return it.skip("PostgreSQL that a test can stop is not installed", () => {});
  let postgresql: OwnPostgresql;
  let redis: OwnRedis;
  let wire: Wire;
  let redisWire: Wire;
  let worker: TestServer;
  let other: TestServer;
  let world: World;
  let warm: Person;
  let cold: Person[];
  let bystander: Person;
  beforeAll(async () => {
    postgresql = await startPostgresql();
    redis = await startRedis();
    wire = await wireTo(postgresql.url);
    redisWire = await wireTo(redis.url);
    const environment = {
      GATEHOUSE_DATA_DIR: "memory",
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
      GATEHOUSE_SIGN_IN_LIMIT: "off",
      REDIS_URL: redisWire.url,
    };
    worker = await openTestServer({ ...environment, DATABASE_URL: postgresql.url });
    other = await openTestServer({ ...environment, DATABASE_URL: wire.url }, { worker: false });
    world = await World.on(worker);
    const role = world.roles["Member"] as string;
    warm = await world.person(role);
    bystander = await world.person(role);
    cold = [];
    for (const _ of times(8)) cold.push(await world.person(role));
    await worker.application.settled();
    for (const server of [worker, other]) {
      await expectOk(ask(server, warm));
      await expectOk(server.call(`GET ${iam}/auth/session`, { token: world.administrator.token }));
    }
  }, 180_000);
  afterAll(async () => {
    await other?.close();
    await worker?.close();
    await wire?.close();
    await redisWire?.close();
    await redis?.close();
    await postgresql?.close();
  }, 60_000);

  /** Checks with the administrator's session, which both processes have cached. */
  const ask = (server: TestServer, { id }: Person) =>
    server.call<AnyBody>(`POST ${iam}/authorization/check`, {
      token: world.administrator.token,
      body: { userId: id, tenantId: world.own.id, actionType: "Organization.Read" },
    });
  const rename = (server: TestServer) =>
    server.call(`PUT ${iam}/organizations/${world.own.id}`, { token: world.own.owner.token, body: { name: `Renamed ${Math.random()}` } });

  const settles = (call: () => Promise<{ readonly status: number }>, status: number, limitMs: number) =>
    expect.poll(async () => (await call()).status, { timeout: limitMs, interval: 20 }).toBe(status);
  const goesWithout = (server: TestServer) =>
    expect.poll(() => server.application.platform.log.withoutDatabase, { timeout: knownMs, interval: 20 }).toBe(true);
  async function stays(server: TestServer, person: Person, status: number): Promise<void> {
    const end = performance.now() + whileMs;
    while (performance.now() < end) {
      expect((await ask(server, person)).status).toBe(status);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  /** Crashes the database when every process has observed all writes. */
  async function crash(): Promise<void> {
    await worker.application.settled();
    for (const server of [worker, other]) if (server.application.platform.log.fresh) await server.application.platform.log.catchUp();
    await postgresql.crash();
  }
  async function back(): Promise<void> {
    await postgresql.start();
    for (const server of [worker, other]) {
      await settles(() => ask(server, warm), 200, backMs);
      await settles(() => rename(server), 200, backMs);
      await expect.poll(() => server.application.platform.log.withoutDatabase, { timeout: backMs }).toBe(false);
    }
  }

  it("without the database checks are answered from caches and Redis, and commands with 503, until it is back", {
    timeout: 90_000,
  }, async () => {
    await crash();
    await wire.cut();
    for (const server of [worker, other]) {
      await goesWithout(server);
      await stays(server, warm, 200);
      const [first, ...others] = cold.splice(0, 4) as [Person, ...Person[]];
      expect((await ask(server, first)).body).toMatchObject({ isAuthorized: true, reasonCode: "role" });
      for (const person of others) expect((await ask(server, person)).body.isAuthorized).toBe(true);
      expect((await rename(server)).status).toBe(503);
      const health = await server.call<AnyBody>("GET /health/query");
      expect(health.status).toBe(200);
      expect(health.body).toMatchObject({ status: "UP", degraded: ["postgresql"], components: { postgresql: { status: "DOWN" } } });
      expect((await server.call("GET /health/command")).status).toBe(503);
      expect((await server.call<string>("GET /metrics")).body).toMatch(/^gatehouse_deciding_without_database 1$/m);
    }
    await wire.mend();
    await back();
    expect((await ask(other, warm)).body.isAuthorized).toBe(true);
  });

  it("a process whose database address refuses answers 503 when another process still reaches the database", {
    timeout: 60_000,
  }, async () => {
    await wire.cut();
    await settles(() => ask(other, warm), 503, knownMs);
    await stays(other, warm, 503);
    expect((await ask(worker, warm)).status).toBe(200);
    // A process that cannot observe a revocation does not allow either.
    expect((await rename(worker)).status).toBe(200);
    await wire.mend();
    await settles(() => ask(other, warm), 200, backMs);
  });

  it("without the database a process does not allow a user who was suspended without its knowledge, and decides about others", {
    timeout: 90_000,
  }, async () => {
    expect((await ask(other, bystander)).body.isAuthorized).toBe(true);
    await wire.cut();
    await settles(() => ask(other, warm), 503, knownMs);
    const suspended = await worker.call(`PATCH /api/v1/users/${bystander.id}`, {
      token: world.administrator.token,
      body: { status: "Suspended" },
    });
    expect(suspended.status, JSON.stringify(suspended.body)).toBe(200);
    await crash();
    for (const server of [worker, other]) await goesWithout(server);
    expect((await ask(worker, bystander)).body.isAuthorized).toBe(false);
    await stays(other, bystander, 503);
    await stays(other, warm, 200);
    await wire.mend();
    await back();
    for (const server of [worker, other]) expect((await ask(server, bystander)).body.isAuthorized).toBe(false);
  });

  it("without the database and Redis the process fails closed", { timeout: 90_000 }, async () => {
    await crash();
    redisWire.hold();
    await settles(() => ask(worker, warm), 503, knownMs);
    await stays(worker, warm, 503);
    redisWire.release();
    await goesWithout(worker);
    await back();
  });

  it("a database that hangs is answered with 503 within a second", { timeout: 60_000 }, async () => {
    wire.hold();
    const stopwatch = startStopwatch();
    await settles(() => ask(other, warm), 503, knownMs);
    expect(stopwatch.idleMs()).toBeLessThan(2_000);
    for (const person of [warm, world.own.owner]) {
      const answering = startStopwatch();
      expect((await ask(other, person)).status).toBe(503);
      expect(answering.idleMs()).toBeLessThan(withinMs);
    }
    wire.release();
    await settles(() => ask(other, warm), 200, backMs);
  });
});
