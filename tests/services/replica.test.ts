import { randomBytes } from "node:crypto";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { type OwnPostgresql, type OwnStandby, postgresqlPrograms, startPostgresql } from "@gatehouse/testing/own-postgresql.ts";
import { newPerson, password, unique } from "@gatehouse/testing/people.ts";
import { openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, expect, it } from "vitest";

const iam = "/api/v1/iam";
/** The lag of asynchronous replication over a slow network. */
const delay = { recovery_min_apply_delay: "200ms" };

// Both servers are the test's own, so that it may stop them.
describeOnPostgresql("an installation with a read replica that is late", () => {
  if (postgresqlPrograms() === undefined) return it.skip("PostgreSQL that a test can stop is not installed", () => {});
  let primary: OwnPostgresql;
  let standby: OwnStandby;
  let server: TestServer;
  let other: TestServer;
  let world: World;

  beforeAll(async () => {
    primary = await startPostgresql();
    standby = await primary.standby(delay);
    const environment = {
      DATABASE_URL: primary.url,
      DATABASE_READ_URL: standby.url,
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
      GATEHOUSE_SIGN_IN_LIMIT: "off",
    };
    server = await openTestServer(environment);
    other = await openTestServer(environment, { worker: false });
    world = await World.on(server);
    await world.define("Room", "Room.Read");
  }, 240_000);
  afterAll(async () => {
    await other?.close();
    await server?.close();
    await standby?.close();
    await primary?.close();
  }, 60_000);

  const signedIn = async (at: TestServer): Promise<string> => {
    const answer = await at.call<{ sessionToken: string }>(`POST ${iam}/auth/login`, { body: { email: world.owner.email, password } });
    expect(answer.status).toBe(200);
    return answer.body.sessionToken;
  };
  const roleMade = async (at: TestServer): Promise<string> => {
    const body = { name: `Role ${unique()}`, scope: "Organization", organizationId: world.organization.id };
    const answer = await at.call<{ id: string }>(`POST ${iam}/roles`, { token: world.owner.token, body });
    expect(answer.status).toBe(201);
    return answer.body.id;
  };
  const listed = async (at: TestServer, id: string): Promise<boolean> => {
    const { body } = await at.call<{ items: { id: string }[] }>(`GET ${iam}/roles?organizationId=${world.organization.id}&limit=100`, {
      token: world.owner.token,
    });
    return body.items.some((item) => item.id === id);
  };
  const ready = async (at: TestServer) => (await at.http.inject("/health/ready")).json();

  it("a new session and a new role are valid at once in the process that made them and in another", { timeout: 60_000 }, async () => {
    for (let round = 0; round < 5; round += 1) {
      const token = await signedIn(server);
      const id = await roleMade(server);
      for (const at of [server, other]) {
        expect((await at.call(`GET ${iam}/users/me`, { token })).status).toBe(200);
        expect((await at.call(`GET ${iam}/roles/${id}`, { token: world.owner.token })).status).toBe(200);
      }
      expect(await listed(server, id), "who made it finds it in the list").toBe(true);
      await expect.poll(() => listed(other, id)).toBe(true);
    }
  });

  it("a change of permissions is visible at once to callers of another process", { timeout: 60_000 }, async () => {
    const role = await world.role(["Room.Read"]);
    const person = await world.person(role);
    const may = async (at: TestServer) => {
      const body = { userId: person.id, tenantId: world.organization.id, actionType: "Room.Read" };
      return (await at.call<{ isAuthorized: boolean }>(`POST ${iam}/authorization/check`, { token: person.token, body })).body.isAuthorized;
    };
    for (const at of [server, other]) await expect.poll(() => may(at)).toBe(true);
    expect((await world.send(`DELETE roles/${role}/permissions`, world.owner.token, { permissions: ["Room.Read"] })).status).toBe(200);
    expect(await may(server)).toBe(false);
    await expect.poll(() => may(other), { timeout: 1_000, interval: 20 }).toBe(false);
  });

  it("a server works while its replica is stopped, reports it in its health, and uses it again afterwards", {
    timeout: 120_000,
  }, async () => {
    await standby.crash();
    await expect.poll(async () => (await ready(server)).degraded, { timeout: 10_000 }).toEqual(["postgresqlReplica"]);
    expect((await ready(server)).status).toBe("UP");
    for (const at of [server, other]) {
      const token = await signedIn(at);
      expect((await at.call(`GET ${iam}/users/me`, { token })).status).toBe(200);
      const id = await roleMade(at);
      expect((await at.call(`GET ${iam}/roles/${id}`, { token: world.owner.token })).status).toBe(200);
      expect(await listed(at, id)).toBe(true);
    }
    await standby.start();
    await expect.poll(async () => (await ready(server)).degraded, { timeout: 30_000 }).toBeUndefined();
    const answered = async (): Promise<number> =>
      (await server.application.platform.metrics.replicaReads.get()).values.find(({ labels }) => labels.outcome === "answered")?.value ?? 0;
    const before = await answered();
    await expect
      .poll(
        async () => {
          await listed(server, "");
          return (await answered()) > before;
        },
        { timeout: 30_000 },
      )
      .toBe(true);
  });

  it("a server starts while its replica is unavailable", { timeout: 120_000 }, async () => {
    await standby.crash();
    const late = await other.startAnother();
    try {
      expect((await late.call(`GET ${iam}/users/me`, { token: await signedIn(late) })).status).toBe(200);
      await newPerson(server);
    } finally {
      await late.close();
      await standby.start();
    }
  });
});
