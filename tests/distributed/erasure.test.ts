import { randomBytes } from "node:crypto";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { newAdministrator, newOrganization } from "@gatehouse/testing/people.ts";
import { fillOrganization } from "@gatehouse/testing/populate.ts";
import { makeDatabase } from "@gatehouse/testing/postgres.ts";
import { type AnyBody, asOperator, backend, openTestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { everyTenant } from "../../packages/server/src/platform/database/database.ts";
import { startProcess, until } from "./support.ts";

/** More than the 3,120 members at which one statement was full; a batch takes long enough to be killed in the middle. */
const members = 5_000;

describe.runIf(backend === "postgresql")("the erasure of an organization (PostgreSQL only: embedded storage has one process)", () => {
  it("another process continues an erasure whose process was killed, and deletes and publishes everything once", async () => {
    const database = await makeDatabase();
    const shared = { DATABASE_URL: database.url, GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"), GATEHOUSE_SIGN_IN_LIMIT: "off" };
    const http = await openTestServer(shared, { worker: false });
    const worker = async () => {
      const port = String(await freePort());
      const started = startProcess(["start", "--port", port], { ...shared, PUBLIC_URL: `http://127.0.0.1:${port}` });
      await until("the worker is ready", () => started.output().includes("Gatehouse is ready"));
      return started;
    };
    const count = async (what: string): Promise<number> => {
      const { rows } = await http.application.platform.database.transact(everyTenant, (tx) =>
        sql<{ count: number }>`select count(*)::int as count from ${sql.raw(what)}`.execute(tx),
      );
      return rows[0]?.count ?? 0;
    };
    let running = await worker();
    try {
      const administrator = await newAdministrator(http);
      const [erased, remaining] = [await newOrganization(http), await newOrganization(http)];
      await fillOrganization(http.application.platform.database, erased.id, { members, grants: members });
      await fillOrganization(http.application.platform.database, remaining.id, { members: 10, grants: 10 });
      const erasures = async (): Promise<AnyBody[]> =>
        (await http.call<AnyBody>("GET /api/v1/iam/organization-erasures", { token: administrator.token })).body.items;

      expect(await asOperator(http, "tenancy.eraseOrganization", { organizationId: erased.id })).toEqual({ erased: true });
      await until("the first batches are done", async () => (await erasures())[0]?.membersRemoved >= 1_000);
      await running.end("SIGKILL");
      const [left] = await erasures();
      expect(left).toMatchObject({ organizationId: erased.id, membersTotal: members + 1 });
      expect(await count(`organizations where id = '${erased.id}'`)).toBe(1);

      running = await worker();
      // The job of a killed process is retried when its heartbeat is missing; a batch then takes less than a second.
      await expect.poll(erasures, { timeout: 150_000, interval: 100 }).toEqual([]);
      expect(await count(`organizations where id = '${erased.id}'`)).toBe(0);
      for (const table of ["memberships", "role_assignments", "relationships", "roles"]) {
        expect([table, await count(`${table} where organization_id = '${erased.id}'`)]).toEqual([table, 0]);
      }
      expect(await count(`events where organization_id = '${erased.id}' and type = 'membership.removed.v1'`)).toBe(members + 1);
      expect(await count(`(select distinct subject from events where type = 'membership.removed.v1') once`)).toBe(members + 1);
      expect(await count(`events where organization_id = '${erased.id}' and type = 'grant.revoked.v1'`)).toBe(members);
      expect(await count(`events where organization_id = '${erased.id}' and type = 'organization.erased.v1'`)).toBe(1);
      expect(await count(`memberships where organization_id = '${remaining.id}'`)).toBe(11);
      expect(await count(`relationships where organization_id = '${remaining.id}'`)).toBe(10);
    } finally {
      await running.end("SIGKILL");
      await http.close();
      await database.drop();
    }
  }, 300_000);
});
