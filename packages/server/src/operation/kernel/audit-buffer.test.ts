import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { type RawBuilder, sql } from "kysely";
import { v7 as uuid } from "uuid";
import { describe, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import type { Operation } from "../declaration/operation.ts";
import { anonymous } from "../declaration/principal.ts";
import { backgroundOrigin } from "./scheduled.ts";

it("stores the other audit entries of a batch where one cannot be stored", async () => {
  const server = await startTestServer();
  try {
    const { kernel, platform } = server.application;
    const operation = kernel.catalogue.byName.get("identity.getMe") as Operation;
    const traceIds = ["before", "stored nowhere", "after"];
    for (const traceId of traceIds) {
      // PostgreSQL's text holds no NUL.
      const userAgent = traceId === "stored nowhere" ? "curl\u0000" : "curl";
      kernel.auditUnauthenticated(operation, { ...backgroundOrigin(), traceId, userAgent }, performance.now());
    }
    await kernel.auditBuffer.flush();
    const rows = await platform.database.read(everyTenant, (db) =>
      rowsOf(db, sql<{ id: string }>`select trace_id as id from audit_entries where trace_id = any(${traceIds}::text[]) order by sequence`),
    );
    expect(rows.map(({ id }) => id)).toEqual(["before", "after"]);
    expect(await platform.metrics.registry.getSingleMetricAsString("gatehouse_audit_entries_lost_total")).toContain('{why="storage"} 1');
  } finally {
    await server.close();
  }
});

describe("the audit buffer", () => {
  const entries = async (server: TestServer, where: RawBuilder<unknown>) => {
    const rows = await server.application.platform.database.read(everyTenant, (db) =>
      rowsOf(
        db,
        sql<{ entity: string | null; sum: number }>`select entity_id as entity, sum(stands_for)::int as sum from audit_entries
    where ${where} group by entity_id`,
      ),
    );
    return new Map(rows.map(({ entity, sum }) => [entity, sum]));
  };

  it("records failed sign-ins of every account, also above the rate of entries per second", { timeout: 60_000 }, async () => {
    const server = await startTestServer();
    try {
      const { kernel, clock } = { kernel: server.application.kernel, clock: server.application.platform.clock };
      const operation = kernel.catalogue.byName.get("authentication.login") as Operation;
      const accounts = Array.from({ length: 350 }, () => uuid());
      const origin = { ...backgroundOrigin(), ip: "198.51.100.7", userAgent: null };
      for (let attempt = 0; attempt < 3; attempt += 1) {
        for (const id of accounts) {
          kernel.auditBuffer.add(
            {
              operation,
              principal: anonymous,
              origin,
              organizationId: null,
              input: { email: `${id}@example.com`, password: "not to be stored" },
              now: new Date(clock.now()),
              details: { entity: { type: "User", id } },
            },
            { result: "refused", reason: "auth.invalid_credentials" },
          );
        }
      }
      const accountsWithEntry = async () =>
        [...(await entries(server, sql`operation = 'authentication.login' and result = 'refused'`)).keys()].length;
      await expect.poll(accountsWithEntry, { timeout: 15_000 }).toBe(accounts.length);
      // Each attempt is counted once, by the end of the process at the latest.
      await kernel.auditBuffer.settle();
      const sums = await entries(server, sql`operation = 'authentication.login' and result = 'refused'`);
      expect([...sums.keys()].sort()).toEqual(accounts.toSorted());
      expect([...sums.values()].every((sum) => sum === 3)).toBe(true);
      const { rows } = await sql`select 1 from audit_entries where input::text like '%not to be stored%'`.execute(
        server.application.platform.database.owner,
      );
      expect(rows).toEqual([]);
    } finally {
      await server.close();
    }
  });

  it("summarizes a flood of equal calls in a few entries that count all of them", async () => {
    const server = await startTestServer();
    try {
      const { kernel } = server.application;
      const operation = kernel.catalogue.byName.get("identity.getMe") as Operation;
      const origin = { ...backgroundOrigin(), ip: "198.51.100.8", userAgent: "flood" };
      for (let call = 0; call < 257; call += 1) kernel.auditUnauthenticated(operation, origin, performance.now());
      await kernel.auditBuffer.settle();
      const { rows } = await sql<{ entries: number; sum: number }>`select count(*)::int as entries, sum(stands_for)::int as sum
        from audit_entries where user_agent = 'flood'`.execute(server.application.platform.database.owner);
      expect(rows).toEqual([{ entries: 13, sum: 257 }]);
    } finally {
      await server.close();
    }
  });
});
