import { describeOnPostgresql, holdTransaction } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { asOperator, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";
import { rowsOf } from "#platform/database/rows.ts";
import { chainAppender } from "./chain-appender.ts";
import { Signers } from "./signers.ts";

// Needs several connections: transactions that commit in another order than they began, and concurrent appenders.
describeOnPostgresql("appending to a chain", () => {
  const servers: TestServer[] = [];
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({}, "postgresql");
    servers.push(server, await server.startAnother({ worker: true }), await server.startAnother({ worker: true }));
  });
  afterAll(async () => {
    for (const one of servers.toReversed()) await one.close();
  });

  const organizationId = "0198c0de-0000-7000-8000-00000000c4a1";
  /** Inserts an entry like the kernel does, in the test's own transaction. */
  const insert = (name: string) => sql`insert into audit_entries (id, operation, caller_kind, organization_id, input, trace_id, occurred_at)
    values (gen_random_uuid(), 'test.entry', 'system', ${organizationId}, ${JSON.stringify({ name })}, 'trace', now())`;
  const chain = async (): Promise<{ number: string; transaction: string; name: string }[]> =>
    server.application.platform.database.read(everyTenant, async (db) => {
      return rowsOf(
        db,
        sql<{ number: string; transaction: string; name: string }>`
        select number::text, transaction::text, details::jsonb->'input'->>'name' as name from audit_records
        where organization_id = ${organizationId} order by audit_records.number`,
      );
    });

  it("waits for the oldest open transaction and appends entries in the order of their transactions", async () => {
    const { database } = server.application.platform;
    const first = await holdTransaction(database);
    await first.run((tx) => insert("first").execute(tx));
    const second = await holdTransaction(database);
    await second.run((tx) => insert("second").execute(tx));
    await second.commit();
    // Runs a step of its own appender, after both transactions began and one committed.
    const { kernel, platform } = server.application;
    await chainAppender(platform, new Signers(platform.keys), kernel.catalogue.byName).step();
    expect(await chain()).toEqual([]);
    await first.commit();
    await eventually(async () => (await chain()).map(({ name }) => name)).toEqual(["first", "second"]);
  });

  it("by three concurrent workers appends every entry once, in order, without a gap", { timeout: 120_000 }, async () => {
    const before = (await chain()).length;
    const writers = 6;
    const each = 60;
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let index = 0; index < each; index += 1) {
          const { database } = (servers[writer % servers.length] as TestServer).application.platform;
          await database.transact(everyTenant, async (tx) => {
            await insert(`${writer}/${index}`).execute(tx);
            // Of different duration, so that they commit in another order than they began.
            await sql`select pg_sleep(${(index % 5) / 500})`.execute(tx);
            if (index % 7 === 0) await insert(`${writer}/${index} too`).execute(tx);
          });
        }
      }),
    );
    await server.application.settled();
    const rows = (await chain()).slice(before);
    expect(rows.map(({ number }) => Number(number))).toEqual(rows.map((_row, index) => before + index + 1));
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
    expect(rows.length).toBe(writers * (each + Math.ceil(each / 7)));
    const transactions = rows.map(({ transaction }) => BigInt(transaction));
    expect(transactions.every((one, index) => index === 0 || one >= (transactions[index - 1] as bigint))).toBe(true);
    expect((await asOperator(server, "audit.verifyChain", { organizationId })).findings).toEqual([]);
  });

  it("continues without a gap after a worker was killed during a step", { timeout: 60_000 }, async () => {
    const { database } = server.application.platform;
    const before = (await chain()).length;
    const open = await holdTransaction(database);
    // Simulates an appender that is killed while it has the lock and uncommitted writes.
    const pid = await open.run(async (tx) => {
      await sql`select 1 from audit_progress for update`.execute(tx);
      await sql`update audit_progress set records = records + 1000`.execute(tx);
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
      return rows[0]?.pid as number;
    });
    await database.transact(everyTenant, async (tx) => void (await insert("while it was open").execute(tx)));
    await sql`select pg_terminate_backend(${pid})`.execute(database.owner);
    await open.commit().catch(() => {});
    await eventually(async () => (await chain()).length).toBe(before + 1);
    expect((await asOperator(server, "audit.verifyChain", { organizationId })).findings).toEqual([]);
    expect((await asOperator(server, "audit.verifyConsistency", {})).findings).toEqual([]);
  });
});
