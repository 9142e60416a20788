import { newPerson, unique } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";
import { pruneKeys } from "./idempotency.ts";

const server = serverOfSuite();

const kept = () =>
  server.application.platform.database.read(everyTenant, async (db) => {
    const { rows } = await sql<{ count: string }>`select count(*) as count from idempotency_keys`.execute(db as never);
    return Number(rows[0]?.count);
  });

it("the answer to an Idempotency-Key is kept for a day and forgotten after it", async () => {
  const { token } = await newPerson(server);
  const name = `Kept ${unique()}`;
  const body = { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" };
  await server.call("POST /api/v1/iam/organizations", { token, body, headers: { "idempotency-key": "kept" } });
  const { clock, database } = server.application.platform;
  const forget = () => database.transact(everyTenant, (tx) => pruneKeys(tx, new Date(clock.now()), 10));
  await forget();
  expect(await kept()).toBe(1);
  server.clock.advance(25 * 3_600);
  await forget();
  expect(await kept()).toBe(0);
});
