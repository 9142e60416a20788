import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectWritten } from "@gatehouse/testing/answers.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import {
  newAdministrator,
  newMember,
  newOrganization,
  type OrganizationOf,
  type Person,
  rolesOf,
  signIn,
} from "@gatehouse/testing/people.ts";
import { makeDatabase } from "@gatehouse/testing/postgres.ts";
import { type AnyBody, asOperator, backend, distributed, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { membershipKey, roleKey, userKey } from "#modules/authorization/access/index.ts";
import { everyTenant } from "#platform/database/database.ts";
import type { Watermark } from "#platform/snapshot-cache/snapshot-cache.ts";
import { projectorName } from "./names.ts";

const server = serverOfSuite();

interface Staffed {
  readonly organization: OrganizationOf;
  readonly person: Person;
  readonly role: string;
}

/** A user who may update the organization by a custom role, without any check so far. */
async function staffed(on: TestServer = server): Promise<Staffed> {
  const organization = await newOrganization(on);
  const person = await newMember(on, organization, ["Organization.Update"]);
  return { organization, person, role: person.roleId };
}

const ask = async ({ organization, person }: Staffed, on: TestServer = server): Promise<AnyBody> =>
  (
    await on.call("POST /api/v1/iam/authorization/check", {
      token: person.token,
      body: { userId: person.id, tenantId: organization.id, actionType: "Organization.Update" },
    })
  ).body;

async function emptyCopy(): Promise<void> {
  const { snapshotCache: cache } = server.application.platform;
  const { watermark } = await cache.read([]);
  await cache.begin(watermark?.number ?? 0, watermark);
}

describe("a lost projection entry", () => {
  const lost: readonly [string, (at: Staffed) => string][] = [
    ["a role", ({ role }) => roleKey(role)],
    ["the status of the user", ({ person }) => userKey(person.id)],
  ];
  it.each(lost)("(%s) makes the check denied with its own reason and a warning, and the worker recomputes it", async (_what, keyOf) => {
    const at = await staffed();
    const key = keyOf(at);
    await server.application.settled();
    const { database } = server.application.platform;
    const before = await rowOf(key);
    await sql`delete from projection_entries where key = ${key}`.execute(database.owner);
    await emptyCopy();
    expect(await ask(at)).toMatchObject({
      isAuthorized: false,
      reason: "Denied: permission data not available",
      reasonCode: "permission_data_unavailable",
      missingPermissions: [],
    });
    const warnings = server.logged.filter((line) => line.keys?.includes(key));
    expect(warnings).toHaveLength(1);
    expect(warnings[0].level).toBe(40);
    await expect.poll(async () => (await ask(at)).isAuthorized, { timeout: 10_000 }).toBe(true);
    expect(await rowOf(key)).toEqual(before);
  });

  async function rowOf(key: string): Promise<unknown> {
    const { rows } = await sql<{ value: unknown }>`select value from projection_entries where key = ${key}`.execute(
      server.application.platform.database.owner,
    );
    return rows[0]?.value;
  }
});

describe("the snapshot of the projection", () => {
  // Uses the cache of one process; if the roles run in separate processes, each has its own.
  it.skipIf(distributed)("never provides an old value after a change", async () => {
    const at = await staffed();
    const key = membershipKey(at.person.id, at.organization.id);
    expect((await ask(at)).isAuthorized).toBe(true);
    await server.application.settled();
    const { snapshotCache: cache } = server.application.platform;
    const { watermark, entries } = await cache.read([key]);
    const old = entries[0];
    expect(old).toBeTruthy();
    const roles = await rolesOf(server, at.organization);
    const { body } = await server.call(`GET /api/v1/iam/organizations/${at.organization.id}/memberships`, {
      token: at.organization.owner.token,
    });
    const membership = body.items.find(({ userId }: AnyBody) => userId === at.person.id);
    const changed = await server.call(`PUT /api/v1/iam/organizations/${at.organization.id}/memberships/${membership.id}`, {
      token: at.organization.owner.token,
      body: { roleId: roles["Member"] },
    });
    expectWritten(changed, 200);
    await server.application.settled();
    // A slow process fills the snapshot with a value from before the change.
    await cache.fill([{ key, value: old?.value as string, version: old?.version as bigint, ttlSeconds: 3_600 }], watermark as Watermark);
    expect((await cache.read([key])).entries[0]?.value).not.toBe(old?.value);
    expect((await ask(at)).isAuthorized).toBe(false);
  });
});

describe("a repair concurrent with a change", () => {
  it("never leaves the state from before the change", async () => {
    const at = await staffed();
    const { token } = at.organization.owner;
    for (let round = 0; round < 10; round += 1) {
      const method = round % 2 === 0 ? "DELETE" : "POST";
      await Promise.all([
        asOperator(server, "decisions.repairProjection", { keys: [roleKey(at.role)] }),
        server.call(`${method} /api/v1/iam/roles/${at.role}/permissions`, { token, body: { permissions: ["Organization.Update"] } }),
        asOperator(server, "decisions.repairProjection", { keys: [roleKey(at.role)] }),
      ]);
      expect((await ask(at)).isAuthorized, `round ${round}`).toBe(method === "POST");
      await server.application.settled();
      const { rows } = await sql<{
        value: string[];
      }>`select value -> 'given' as value from projection_entries where key = ${roleKey(at.role)}`.execute(
        server.application.platform.database.owner,
      );
      expect(rows[0]?.value, `round ${round}`).toEqual(method === "POST" ? ["Organization.Update"] : []);
    }
  });
});

describe.runIf(backend === "postgresql")("a repair while the projector works (PostgreSQL only: PGlite has one connection)", () => {
  it("waits for the projector, so that an older result is not written last", async () => {
    const { database } = server.application.platform;
    await server.application.settled();
    let repaired = false;
    let repair: Promise<unknown> = Promise.resolve();
    await database.transact(everyTenant, async (tx) => {
      await sql`select from consumers where name = ${projectorName} for update`.execute(tx);
      repair = asOperator(server, "decisions.repairProjection", { keys: [userKey(crypto.randomUUID())] }).then(() => {
        repaired = true;
      });
      const waiting = async () => {
        const { rows } = await sql<{ count: string }>`select count(*)::text as count from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and query like '%from consumers%'`.execute(database.owner);
        return rows[0]?.count;
      };
      await expect.poll(waiting, { timeout: 5_000 }).toBe("1");
      expect(repaired).toBe(false);
    });
    await repair;
    expect(repaired).toBe(true);
  });
});

describe("after a restart", () => {
  it("a check is correct even if the last change was not projected before the process stopped", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-restart-"));
    const database = backend === "postgresql" ? await makeDatabase() : undefined;
    const environment = { GATEHOUSE_DATA_DIR: join(folder, "data"), ...(database ? { DATABASE_URL: database.url } : {}) };
    const restarted = async (worker: boolean) => openTestServer(environment, { worker });
    try {
      const first = await restarted(true);
      const at = await staffed(first);
      await newAdministrator(first);
      expect((await ask(at, first)).isAuthorized).toBe(true);
      await first.close();

      // Without a projector the change is in the log, but not in the projection, when the process ends.
      const second = await restarted(false);
      const taken = await second.call(`DELETE /api/v1/iam/roles/${at.role}/permissions`, {
        token: at.organization.owner.token,
        body: { permissions: ["Organization.Update"] },
      });
      expectWritten(taken, 200);
      await eventually(() => second.application.reader.behind).toBe(1);
      await second.close();

      const third = await restarted(false);
      expect(third.application.reader.behind).toBe(1);
      // Changes from before it observed events are not measured.
      const { values } = await third.application.platform.metrics.revocationSeconds.get();
      expect(values.find(({ metricName }) => metricName?.endsWith("_count"))?.value).toBe(0);
      const pendingCheck = ask(at, third);
      await third.application.startWorker();
      expect(await pendingCheck).toMatchObject({ isAuthorized: false, reasonCode: "missing_permission" });
      expect(await ask(at, third)).toMatchObject({ isAuthorized: false });
      await signIn(third, at.person.email);
      await third.close();
    } finally {
      await database?.drop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("the revocation metric", () => {
  it("measures each observed change of permissions, below a second", async () => {
    const { revocationSeconds } = server.application.platform.metrics;
    const figure = async (name: string): Promise<number> =>
      (await revocationSeconds.get()).values.find(({ metricName }) => metricName?.endsWith(name))?.value ?? 0;
    const before = { count: await figure("_count"), sum: await figure("_sum") };
    const person = await staffed();
    expect((await ask(person)).isAuthorized).toBe(true);
    const changed = await figure("_count");
    expect(changed).toBeGreaterThan(before.count);
    expectWritten(
      await server.call(`DELETE /api/v1/iam/roles/${person.role}/permissions`, {
        token: person.organization.owner.token,
        body: { permissions: ["Organization.Update"] },
      }),
      200,
    );
    expect((await ask(person)).isAuthorized).toBe(false);
    expect(await figure("_count")).toBeGreaterThan(changed);
    expect(((await figure("_sum")) - before.sum) / ((await figure("_count")) - before.count)).toBeLessThan(1);
  });
});
