import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { everyTenant } from "./database.ts";
import { isUnavailable, Unavailable } from "./driver-errors.ts";
import { createApplicationRole, migrate, type SchemaStep, sharedTable } from "./migrations.ts";
import { openPglite } from "./pglite.ts";
import { rowsOf } from "./rows.ts";

const steps: readonly SchemaStep[] = [
  {
    name: "0001_contract_notes",
    why: "rows that must survive a restart",
    async up(db) {
      await sql`create table notes (body text not null)`.execute(db);
      await sharedTable(db, "notes");
    },
  },
];

describe("the embedded database", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gatehouse-pglite-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("persists committed rows in its data directory, readable by its owner only", async () => {
    const dataDir = join(folder, "data");
    const first = await openPglite(dataDir);
    await createApplicationRole(first.owner);
    await migrate(first.owner, steps);
    await first.transact(everyTenant, (tx) => sql`insert into notes values ('kept')`.execute(tx));
    await first.close();
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);

    const second = await openPglite(dataDir);
    expect(await migrate(second.owner, steps)).toEqual({ applied: [], alreadyCurrent: true });
    const rows = await second.read(everyTenant, (db) => rowsOf(db, sql`select body from notes`));
    expect(rows).toEqual([{ body: "kept" }]);
    await second.close();
  });

  it("is unavailable after it was closed", async () => {
    const database = await openPglite("memory");
    await database.ping();
    await database.close();
    for (const call of [database.ping(), database.read(everyTenant, async () => {}), database.transact(everyTenant, async () => {})]) {
      await expect(call).rejects.toBeInstanceOf(Unavailable);
    }
  });
});

it.each([
  ["a refused connection", Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }), true],
  ["a shutdown", Object.assign(new Error("terminating connection"), { code: "57P01" }), true],
  ["a server that starts", Object.assign(new Error("the database system is starting up"), { code: "57P03" }), true],
  ["too many connections", Object.assign(new Error("sorry, too many clients already"), { code: "53300" }), true],
  ["a pool that gave up", new Error("timeout exceeded when trying to connect"), true],
  ["what was found unavailable before", new Unavailable("database", undefined), true],
  ["a broken constraint", Object.assign(new Error("duplicate key"), { code: "23505" }), false],
  ["a missing table", Object.assign(new Error('relation "x" does not exist'), { code: "42P01" }), false],
  [
    "a message that the server cannot read",
    Object.assign(new Error("bind message has 4464 …"), { code: "08P01", routine: "exec_bind_message" }),
    false,
  ],
  ["a pooler whose server is away", Object.assign(new Error("query_wait_timeout"), { code: "08P01" }), true],
  ["a programmer's mistake", new TypeError("x is not a function"), false],
  ["something thrown that is no error", "text", false],
  ["nothing", undefined, false],
])("an error is classified as unavailable or not: %s", (_what, error, expected) => {
  expect(isUnavailable(error)).toBe(expected);
});
