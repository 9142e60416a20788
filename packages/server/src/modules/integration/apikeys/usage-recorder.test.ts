import { newOrganization, type OrganizationOf, signIn, unique, unknownId } from "@gatehouse/testing/people.ts";
import { type AnyBody, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operator } from "#operation/declaration/principal.ts";
import { backgroundOrigin } from "#operation/kernel/scheduled.ts";
import type { Database, Scope, WriteHandle } from "#platform/database/database.ts";
import { OutcomeUnknown, Unavailable } from "#platform/unavailable.ts";
import { UsageRecorder } from "./usage-recorder.ts";

let server: TestServer;
let organization: OrganizationOf;
beforeAll(async () => {
  server = await startTestServer();
  organization = await newOrganization(server);
});
afterAll(() => server.close());

/** A new session, because tests advance the clock by days. */
const ownerToken = () => signIn(server, organization.owner.email);

async function newKey(): Promise<{ id: string; recordedAt: number }> {
  const body = { organizationId: organization.id, name: `Key ${unique()}`, scopes: ["Organization.Read"] };
  const answer = await server.call("POST /api/v1/api-keys", { token: await ownerToken(), body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return { id: answer.body.id, recordedAt: 0 };
}
type Transact = (scope: Scope, work: (tx: WriteHandle) => Promise<unknown>) => Promise<unknown>;
/** A separate recorder. Its next write throws `failing`, once. */
function recorder(): UsageRecorder & { failing: Error | undefined; writes: number } {
  const { platform } = server.application;
  const transact: Transact = (scope, work) => {
    own.writes += 1;
    const { failing } = own;
    own.failing = undefined;
    return failing === undefined ? platform.database.transact(scope, work) : Promise.reject(failing);
  };
  const usage = new UsageRecorder({ ...platform, database: { ...platform.database, transact } as Database });
  const own = Object.assign(usage, { failing: undefined as Error | undefined, writes: 0 });
  return own;
}
const ok = (latencyMs: number, operation = "decisions.check") => ({ operation, status: 200, latencyMs });
async function stored({ id }: { readonly id: string }): Promise<AnyBody[]> {
  const { rows } = await sql<AnyBody>`select operation, calls::int, latency_ms_sum::int as sum, latency_ms_max as max,
    up_to_5_ms::int, up_to_25_ms::int, up_to_100_ms::int, up_to_500_ms::int, up_to_2500_ms::int
    from api_key_usage where api_key_id = ${id} order by operation`.execute(server.application.platform.database.owner);
  return rows;
}

describe("the usage recorder", () => {
  it("a flush adds counted calls to stored ones, each call once", async () => {
    const [key, usage] = [await newKey(), recorder()];
    for (const latencyMs of [3, 20, 90]) usage.count(key, ok(latencyMs));
    await Promise.all([usage.flush(), usage.flush()]);
    usage.count(key, ok(3_000));
    await usage.stop();
    expect(await stored(key)).toEqual([
      {
        operation: "decisions.check",
        calls: 4,
        sum: 3_113,
        max: 3_000,
        up_to_5_ms: 1,
        up_to_25_ms: 2,
        up_to_100_ms: 3,
        up_to_500_ms: 3,
        up_to_2500_ms: 3,
      },
    ]);
  });

  it("a row that the database rejects, or of a deleted key, is discarded; the others are stored", async () => {
    const [key, usage] = [await newKey(), recorder()];
    usage.count(key, ok(1));
    // PostgreSQL's text holds no NUL.
    usage.count(key, ok(1, "bad\u0000name"));
    usage.count({ id: unknownId, recordedAt: 0 }, ok(1));
    usage.count(key, ok(1, "identity.getMe"));
    await usage.flush();
    expect((await stored(key)).map(({ operation, calls }) => [operation, calls])).toEqual([
      ["decisions.check", 1],
      ["identity.getMe", 1],
    ]);
  });

  it("calls are retained while the database is unavailable, and not added again where the outcome is unknown", async () => {
    const [key, usage] = [await newKey(), recorder()];
    usage.count(key, ok(1));
    usage.failing = new Unavailable("postgresql", undefined);
    await usage.flush();
    expect(await stored(key)).toEqual([]);
    usage.count(key, ok(1));
    await usage.flush();
    expect(usage.writes).toBe(2);
    expect((await stored(key))[0]).toMatchObject({ calls: 2 });
    usage.count(key, ok(1));
    usage.failing = new OutcomeUnknown("postgresql", undefined);
    await usage.flush();
    await usage.flush();
    expect((await stored(key))[0]).toMatchObject({ calls: 2 });
  });

  it("days are counted separately, also across midnight between two flushes", async () => {
    const [key, usage] = [await newKey(), recorder()];
    usage.count(key, ok(1));
    server.clock.advance(86_400);
    usage.count(key, ok(1));
    usage.count(key, ok(1));
    await usage.flush();
    expect(usage.writes).toBe(1);
    expect((await stored(key)).map(({ calls }) => calls).toSorted()).toEqual([1, 2]);
  });

  it("the last use is recorded once per minute", async () => {
    const [key, usage] = [await newKey(), recorder()];
    const token = await ownerToken();
    const lastUse = async () => (await server.call(`GET /api/v1/api-keys/${key.id}`, { token })).body.lastUsedAt as string | null;
    usage.recordUse(key);
    await usage.flush();
    const first = await lastUse();
    expect(first).not.toBeNull();
    usage.recordUse(key);
    await usage.flush();
    expect(await lastUse()).toBe(first);
    server.clock.advance(61);
    usage.recordUse(key);
    await usage.flush();
    expect(Date.parse((await lastUse()) as string)).toBeGreaterThan(Date.parse(first as string));
  });
});

it("usage and inactive keys are deleted after their retention, and no others", async () => {
  const [old, active, usage] = [await newKey(), await newKey(), recorder()];
  const token = await ownerToken();
  for (const key of [old, active]) usage.count(key, ok(1));
  await usage.flush();
  const revoked = await server.call(`POST /api/v1/api-keys/${old.id}/revoke`, { token, body: {} });
  expect(revoked.status).toBe(200);
  const prune = () => server.application.dispatch(pruneCall());
  expect((await prune()).output).toMatchObject({ usage: 0, keys: 0, more: false });
  server.clock.advance(92 * 86_400);
  expect((await prune()).output).toMatchObject({ keys: 1, more: false });
  expect([await stored(old), await stored(active)]).toEqual([[], []]);
  const rows = await sql<{ id: string }>`select id from api_keys where id in (${old.id}, ${active.id})`.execute(
    server.application.platform.database.owner,
  );
  expect(rows.rows).toEqual([{ id: active.id }]);
});

const pruneCall = () => ({ operation: "apikeys.pruneApiKeys", input: {}, principal: operator, origin: backgroundOrigin() });
