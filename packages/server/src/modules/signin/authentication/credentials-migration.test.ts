import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anAddress, newAdministrator, password } from "@gatehouse/testing/people.ts";
import { makeDatabase } from "@gatehouse/testing/postgres.ts";
import { backend, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "#platform/database/database.ts";
import { migrate } from "#platform/database/migrations.ts";
import { openPglite } from "#platform/database/pglite.ts";
import { openPostgresql } from "#platform/database/postgresql.ts";
import { schemaSteps } from "#runtime/modules.ts";

type Name = "liveSession" | "endedSession" | "confirmation" | "firstOfTwo" | "secondOfTwo" | "reset" | "choice" | "setUp";
interface Recorded {
  readonly recordedAt: string;
  readonly lastStep: string;
  readonly tokens: Readonly<Record<Name, string>>;
  readonly rows: Readonly<Record<string, readonly object[]>>;
}

const recorded = JSON.parse(readFileSync(new URL("./fixtures/rows-of-step-0213.json", import.meta.url), "utf8")) as Recorded;
const { tokens, lastStep, recordedAt } = recorded;
const second = "another quiet harbour";

/** The recorded rows with their times moved to now, so that links and sessions have not expired. */
function rowsOfNow(): Recorded["rows"] {
  const passedMs = Date.now() - Date.parse(recordedAt);
  const moved = (text: string) => new Date(Date.parse(text) + passedMs).toISOString();
  return JSON.parse(JSON.stringify(recorded.rows).replace(/\d{4}-\d\d-\d\dT[\d:.]+\+00:00/g, moved));
}

/** Migrates a database to the schema of the release that wrote the rows, and inserts them. */
async function seed(database: Database): Promise<void> {
  await migrate(
    database.owner,
    schemaSteps.filter(({ name }) => name <= lastStep),
  );
  for (const [table, rows] of Object.entries(rowsOfNow())) {
    await sql`insert into ${sql.table(table)} select * from jsonb_populate_recordset(null::${sql.table(table)}, ${JSON.stringify(rows)}::jsonb)`.execute(
      database.owner,
    );
  }
  await database.close();
}

let server: TestServer;
let remove: () => void | Promise<void>;
beforeAll(async () => {
  if (backend === "postgresql") {
    const { url, directUrl, drop } = await makeDatabase();
    remove = drop;
    await seed(openPostgresql({ url: directUrl ?? url }));
    server = await openTestServer({ DATABASE_URL: url, GATEHOUSE_MASTER_KEY: Buffer.alloc(32, 7).toString("base64") });
  } else {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-migration-"));
    remove = () => rmSync(folder, { recursive: true, force: true });
    await seed(await openPglite(folder));
    server = await openTestServer({ GATEHOUSE_DATA_DIR: folder });
  }
});
afterAll(async () => {
  await server?.close();
  await remove?.();
});

const post = (path: string, body: object) => server.call(`POST /api/v1/iam/${path}`, { body, from: anAddress() });
const login = async (name: string, given = password) =>
  (await post("auth/login", { email: `${name}@example.com`, password: given })).status;
const verify = async (token: string, proof: object = {}) => (await post("auth/verify-email", { token, ...proof })).status;
const reset = async (token: string, next: string) => (await post("auth/reset-password", { token, password: next })).status;
const me = (token: string) => server.call("GET /api/v1/iam/users/me", { token });
const used = { body: { error: { code: "identity.token_invalid" } } };

describe("the migration to the table credentials", () => {
  it("preserves passwords and sessions, and ended sessions remain ended", async () => {
    expect(await login("verified")).toBe(200);
    expect(await login("verified", "not this harbour")).toBe(401);
    expect(await login("made")).toBe(200);
    const live = await me(tokens.liveSession);
    expect(live).toMatchObject({ status: 200, body: { email: "verified@example.com", status: "Active" } });
    expect((await me(tokens.endedSession)).status).toBe(401);
    const { rows } = await sql<{ methods: string[]; same: boolean }>`
      select authentication_methods as methods, authenticated_at = created_at as same from sessions order by created_at limit 1`.execute(
      server.application.platform.database.owner,
    );
    expect(rows).toEqual([{ methods: ["pwd"], same: true }]);
  });

  it("preserves a confirmation link, for one use", async () => {
    expect(await login("unverified")).toBe(403);
    expect(await verify(tokens.confirmation)).toBe(200);
    expect(await post("auth/verify-email", { token: tokens.confirmation })).toMatchObject({ status: 400, ...used });
    expect(await login("unverified")).toBe(200);
  });

  it("preserves both registrations of an address, each with its own link and password", async () => {
    expect([await login("twice"), await login("twice", second), await login("twice", "a third quiet one")]).toEqual([403, 403, 401]);
    expect(await verify(tokens.secondOfTwo, { password })).toBe(403);
    expect(await verify(tokens.secondOfTwo, { password: second })).toBe(200);
    expect(await post("auth/verify-email", { token: tokens.firstOfTwo })).toMatchObject({ status: 400, ...used });
    const { status, body } = await post("auth/login", { email: "twice@example.com", password: second });
    expect([status, body.user?.firstName]).toEqual([200, "Second"]);
    expect(await login("twice")).toBe(401);
  });

  it("preserves a link to reset a password, for one use", async () => {
    expect(await login("forgetful")).toBe(200);
    expect(await reset(tokens.reset, "a harbour of their own")).toBe(204);
    expect(await post("auth/reset-password", { token: tokens.reset, password: "a harbour once more" })).toMatchObject({
      status: 400,
      ...used,
    });
    expect([await login("forgetful"), await login("forgetful", "a harbour of their own")]).toEqual([401, 200]);
  });

  it("creates no password for an account without one, whose link still sets one", async () => {
    expect([await login("contested"), await login("contested", second), await login("contested", "!")]).toEqual([401, 401, 401]);
    expect(await reset(tokens.choice, "a harbour chosen late")).toBe(204);
    expect(await login("contested", "a harbour chosen late")).toBe(200);
  });

  it("preserves the set-up link for one use, and a suspended unconfirmed user remains unconfirmed", async () => {
    const body = { token: tokens.setUp, email: "first@example.com", password, firstName: "The", lastName: "First" };
    const { status, body: user } = await post("setup", body);
    expect([status, user.status]).toEqual([201, "Active"]);
    expect(await post("setup", { ...body, email: "other@example.com" })).toMatchObject({
      status: 409,
      body: { error: { code: "tenancy.set_up_done" } },
    });
    const { token } = await newAdministrator(server);
    const found = await server.call("GET /api/v1/users?email=suspended@example.com", { token });
    const again = await server.call(`PATCH /api/v1/users/${found.body.items[0].id}`, { token, body: { status: "Active" } });
    expect(again).toMatchObject({ status: 200, body: { status: "PendingConfirmation" } });
  });

  it("removes all secrets from users and from the replaced tables", async () => {
    const { rows } = await sql<{ name: string }>`select table_name || '.' || column_name as name from information_schema.columns
      where table_schema = 'public' and (table_name in ('earlier_registrations', 'password_reset_links', 'set_up')
        or table_name = 'users' and column_name ~ 'password|token')`.execute(server.application.platform.database.owner);
    expect(rows).toEqual([]);
  });
});
