/** Attack 35 of docs/security/attacks.md. */
import { expectOk } from "@gatehouse/testing/answers.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import type { Person } from "@gatehouse/testing/people.ts";
import { adminUrl } from "@gatehouse/testing/postgres.ts";
import { type AnyBody, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";

/** The lease is half of the bound of one second; the rest allows for a busy machine. */
const boundMs = 2_000;
const backMs = 15_000;

describeOnPostgresql("an unavailable database", () => {
  let server: TestServer;
  let world: World;
  let warm: Person;
  let cold: Person;
  beforeAll(async () => {
    server = await startTestServer({}, "postgresql");
    world = await World.on(server);
    warm = await world.person(world.roles["Member"] as string);
    cold = await world.person(world.roles["Member"] as string);
  });
  afterAll(async () => {
    await letIn(true);
    await server?.close();
  });

  /** Refuses connections to the server's database and ends the existing ones, or accepts connections again. */
  async function letIn(open: boolean): Promise<void> {
    const name = new URL(server.configuration.databaseUrl as string).pathname.slice(1);
    const client = new pg.Client({ connectionString: adminUrl });
    await client.connect();
    try {
      await client.query(`alter database ${name} allow_connections ${open}`);
      if (!open) await client.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [name]);
    } finally {
      await client.end();
    }
  }

  const ask = (person: Person) =>
    server.call<AnyBody>("POST /api/v1/iam/authorization/check", {
      token: person.token,
      body: { userId: person.id, tenantId: world.own.id, actionType: "Organization.Read" },
    });

  /** Repeats a request until its status is `status`; earlier ones must be in `meanwhile`. */
  async function until(status: number, person: Person, limitMs: number, meanwhile: readonly number[]): Promise<AnyBody> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const answer = await ask(person);
      if (answer.status === status) return answer.body;
      expect(meanwhile).toContain(answer.status);
      expect(performance.now(), `no ${status} within ${limitMs} ms`).toBeLessThan(deadline);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it("a check without its data is answered with 503 within the bound, and the answer is not cached", async () => {
    expect((await expectOk(ask(warm))).isAuthorized).toBe(true);
    await letIn(false);
    for (const person of [warm, cold]) {
      const refused = await until(503, person, boundMs, [200]);
      expect(refused.error.code).toBe("common.unavailable");
      // Caches are not trusted again without the log.
      for (let again = 0; again < 5; again += 1) expect((await ask(person)).status).toBe(503);
      // The decision refuses too, not only the session.
      const decide = async () => server.application.reader.decide(person.id, world.own.id, "Organization.Read");
      await expect(decide()).rejects.toThrow();
    }
    await letIn(true);
    for (const person of [warm, cold]) {
      expect(await until(200, person, backMs, [503])).toMatchObject({ isAuthorized: true, reasonCode: "role" });
    }
  });
});
