import { describeOnPostgresql, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { newPerson } from "@gatehouse/testing/people.ts";
import { distributed, openTestServer, startTestServer } from "@gatehouse/testing/server.ts";
import { expect, it } from "vitest";

const dayMs = 86_400_000;

// Embedded storage uses the clock of its process, so the clocks agree.
describeOnPostgresql("a process whose clock is wrong, on a database whose clock is right", () => {
  it.skipIf(distributed)(
    "is DOWN, takes no job, decides by the database's time, and recovers once its clock is set",
    async () => {
      const fresh = await freshPostgresql([]);
      let aheadMs = 800 * dayMs;
      const environment = { DATABASE_URL: fresh.url as string, GATEHOUSE_MASTER_KEY: Buffer.alloc(32, 7).toString("base64") };
      const server = await openTestServer(environment, { machineClock: () => Date.now() + aheadMs });
      try {
        const ready = await server.call("GET /health/ready");
        expect(ready.status).toBe(503);
        expect(ready.body.components.clock).toMatchObject({ status: "DOWN", details: { skewMs: expect.any(Number) } });
        expect((await server.call("GET /health/background")).body.components.clock.status).toBe("DOWN");

        const email = "ada@example.com";
        const registration = { email, password: "a quiet green harbour", firstName: "Ada", lastName: "Lovelace", locale: "en" };
        expect((await server.call("POST /api/v1/iam/auth/register", { body: registration })).status).toBe(201);
        expect(server.logged.filter((line) => line.message?.startsWith("the clock of this machine is wrong"))).toHaveLength(1);
        const mails = async () => ((await server.application.inbox?.list()) ?? []).map(({ to }) => to);
        // A worker that took jobs would have found it in two polls.
        await new Promise((resolve) => setTimeout(resolve, 5_000));
        expect(await mails()).toEqual([]);

        aheadMs = 0;
        await eventually(mails).toEqual([email]);
        expect((await server.call("GET /health/ready")).status).toBe(200);
      } finally {
        await server.close();
        await fresh.close();
      }
    },
    60_000,
  );

  it.skipIf(distributed)(
    "dates sessions by the database's clock",
    async () => {
      const fresh = await freshPostgresql([]);
      const environment = { DATABASE_URL: fresh.url as string, GATEHOUSE_MASTER_KEY: Buffer.alloc(32, 7).toString("base64") };
      const right = await openTestServer(environment);
      const person = await newPerson(right);
      const wrong = await openTestServer(environment, { worker: false, machineClock: () => Date.now() + 800 * dayMs });
      try {
        expect((await wrong.call("GET /api/v1/iam/users/me", { token: person.token })).status).toBe(200);
        const body = { email: person.email, password: "a quiet green harbour" };
        const { expiresAt } = (await wrong.call("POST /api/v1/iam/auth/login", { body })).body;
        expect(Date.parse(expiresAt) - Date.now()).toBeLessThan(15 * dayMs);
      } finally {
        await wrong.close();
        await right.close();
        await fresh.close();
      }
    },
    60_000,
  );
});

it("an embedded server has one clock", async () => {
  const server = await startTestServer({}, "pglite");
  try {
    const ready = await server.call("GET /health/ready");
    expect(ready.body.components).not.toHaveProperty("clock");
    expect(server.application.platform.clockSkewMs()).toBe(0);
  } finally {
    await server.close();
  }
});
