import { newPerson, unique } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";
import { firstRow } from "#platform/database/rows.ts";
import { pruneKeys } from "./idempotency.ts";

const server = serverOfSuite();

const storedAnswers = () =>
  server.application.platform.database.read(everyTenant, async (db) =>
    Number((await firstRow(db, sql<{ count: string }>`select count(*) as count from idempotency_keys`))?.count),
  );

it("the answer to an Idempotency-Key is stored for a day and pruned afterwards", async () => {
  const { token } = await newPerson(server);
  const name = `Stored ${unique()}`;
  const body = { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" };
  await server.call("POST /api/v1/iam/organizations", { token, body, headers: { "idempotency-key": "stored" } });
  const { clock, database } = server.application.platform;
  const prune = () => database.transact(everyTenant, (tx) => pruneKeys(tx, new Date(clock.now()), 10));
  await prune();
  expect(await storedAnswers()).toBe(1);
  server.clock.advance(25 * 3_600);
  await prune();
  expect(await storedAnswers()).toBe(0);
});
