import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { beforeAll, expect, it } from "vitest";
import { internalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { everyTenant } from "#platform/database/database.ts";
import { signCheckpointsWork } from "./jobs.ts";
import { auditStore } from "./store.ts";

/** More chains than one transaction signs. */
const chains = 2_100;

const server = serverOfSuite();
beforeAll(async () => {
  const { database } = server.application.platform;
  await sql`insert into audit_chains (organization_id, number, hash, key_id, signature, signed_at)
    select md5('chain' || n)::uuid, n, 'hash ' || n, gen_random_uuid(), '', now() from generate_series(1, ${chains}) n`.execute(
    database.owner,
  );
});

const owner = () => server.application.platform.database.owner;
const run = () => signCheckpointsWork(internalDispatch(server.application.dispatch)).handle({});
const next = (limit: number) =>
  server.application.platform.database.transact(everyTenant, (tx) => auditStore.writes(tx).headsWithoutCheckpoint(limit));
const checkpoints = async (): Promise<number> => {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from audit_checkpoints
    where organization_id in (select md5('chain' || n)::uuid from generate_series(1, ${chains}) n)`.execute(owner());
  return rows[0]?.count as number;
};

it("one run signs each grown chain's head once, even if there are more chains than one transaction signs", async () => {
  await run();
  expect(await checkpoints()).toBe(chains);
  await run();
  expect(await checkpoints()).toBe(chains);
  // The runs themselves are audited, so the internal chain may have grown meanwhile.
  expect((await next(10)).filter((head) => head.organization_id !== null)).toEqual([]);
}, 120_000);

it("a run signs the chain with the oldest checkpoint first, so that every chain gets one", async () => {
  const grow = (numbers: readonly number[]) =>
    sql`update audit_chains set number = number + 10000
      where organization_id in (select md5('chain' || n)::uuid from unnest(${numbers}::int[]) n)`.execute(owner());
  const idOf = async (number: number): Promise<string> =>
    (await sql<{ id: string }>`select md5('chain' || ${number}::int)::uuid::text as id`.execute(owner())).rows[0]?.id as string;
  await sql`alter table audit_checkpoints disable trigger all`.execute(owner());
  for (const [number, hours] of [
    [7, 1],
    [8, 3],
    [9, 2],
  ] as const) {
    await sql`update audit_checkpoints set signed_at = now() - make_interval(hours => ${hours}) where organization_id = ${await idOf(number)}`.execute(
      owner(),
    );
  }
  await sql`alter table audit_checkpoints enable trigger all`.execute(owner());
  await grow([7, 8, 9]);
  const found = (await next(1_000)).map((head) => head.organization_id).filter((id) => id !== null);
  expect(found).toEqual([await idOf(8), await idOf(9), await idOf(7)]);
}, 60_000);
