import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectWritten } from "@gatehouse/testing/answers.ts";
import { newAdministrator, newMember, newOrganization, type Person, unique } from "@gatehouse/testing/people.ts";
import { makeDatabase, type TestDatabase } from "@gatehouse/testing/postgres.ts";
import { type AnyBody, asOperator, backend, distributed, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UserFactsById } from "#modules/authorization/access/entries/compute-kinds.ts";
import { computeEntries, membershipKey, policyKey, roleKey, tenantStatusKey, userKey } from "#modules/authorization/access/index.ts";
import { everyTenant, type ReadHandle, type WriteHandle } from "#platform/database/database.ts";
import { steps } from "../schema-steps.ts";
import { projectKeys } from "./project.ts";

const iam = "/api/v1/iam";

interface Holder {
  readonly organizationId: string;
  readonly ownerToken: string;
  readonly person: Person;
  readonly roleId: string;
}

async function holderOf(on: TestServer, permissions: readonly string[]): Promise<Holder> {
  const organization = await newOrganization(on);
  const person = await newMember(on, organization, permissions, "person");
  return { organizationId: organization.id, ownerToken: organization.owner.token, person, roleId: person.roleId };
}

const ask = async (on: TestServer, { organizationId, person }: Holder, actionType: string): Promise<AnyBody> =>
  on.call(`POST ${iam}/authorization/check`, { token: person.token, body: { userId: person.id, tenantId: organizationId, actionType } });

const keptValue = async (on: TestServer, key: string): Promise<AnyBody> => {
  const { rows } = await sql<{ value: AnyBody }>`select value from projection_entries where key = ${key}`.execute(
    on.application.platform.database.owner,
  );
  return rows[0]?.value;
};

const server = serverOfSuite();

describe("an entry that cannot be computed", () => {
  const issues: readonly [string, (tx: WriteHandle) => Promise<never>][] = [
    ["the computation throws", () => Promise.reject(new Error("an unexpected value"))],
    ["the database refuses a statement", (tx) => sql`select 1 / 0`.execute(tx) as unknown as Promise<never>],
  ];
  // Uses the caches of the deciding process, which is another one if the roles run in separate processes.
  it.skipIf(distributed).each(issues)(
    "(%s) is stored as unavailable and denied with its own reason, and the others are written",
    async (_what, fail) => {
      const [broken, sound] = [await holderOf(server, ["Organization.Update"]), await holderOf(server, ["Organization.Update"])];
      await server.application.settled();
      const { database, snapshotCache: cache } = server.application.platform;
      const keys = [broken, sound].flatMap(({ organizationId, person, roleId }) => [
        userKey(person.id),
        roleKey(roleId),
        membershipKey(person.id, organizationId),
        tenantStatusKey(organizationId),
      ]);
      const projected = await database.transact(everyTenant, async (tx) => {
        const users: UserFactsById = async (ids) =>
          ids.includes(broken.person.id) ? fail(tx) : new Map(ids.map((id) => [id, { status: "Active" }] as const));
        return projectKeys(tx, keys, (some) => computeEntries(tx as unknown as ReadHandle, some, users));
      });
      expect(projected.failed).toEqual([userKey(broken.person.id)]);
      expect([...projected.entries.map(({ key }) => key), ...projected.failed].toSorted()).toEqual(keys.toSorted());
      expect(await keptValue(server, userKey(sound.person.id))).toEqual({ status: "Active" });
      const { watermark } = await cache.read([]);
      await cache.begin(projected.number, watermark);
      server.application.reader.clear();
      expect((await ask(server, broken, "Organization.Update")).body).toMatchObject({ reasonCode: "permission_data_unavailable" });
      expect((await ask(server, sound, "Organization.Update")).body).toMatchObject({ isAuthorized: true });
      // The check has requested its repair.
      await expect.poll(async () => (await ask(server, broken, "Organization.Update")).body.isAuthorized, { timeout: 15_000 }).toBe(true);
    },
  );

  it("is reported by the repair and by a comparison", async () => {
    const { database } = server.application.platform;
    const at = await holderOf(server, ["Organization.Update"]);
    await server.application.settled();
    // A role whose name is not text: no command writes it, and it cannot be computed.
    await sql`alter table permission_definitions rename column value to value_moved`.execute(database.owner);
    const keys = [roleKey(at.roleId), userKey(at.person.id)];
    try {
      await asOperator(server, "decisions.repairProjection", { keys });
      const { differences } = await asOperator(server, "decisions.verifyProjection", { keys });
      expect(differences).toEqual([{ key: roleKey(at.roleId), where: "table", how: "failed" }]);
    } finally {
      await sql`alter table permission_definitions rename column value_moved to value`.execute(database.owner);
    }
    expect(await keptValue(server, roleKey(at.roleId))).toEqual({ unavailable: true });
    const { email } = at.person;
    const profile = { email, name: "person Test", firstName: "person", lastName: "Test", locale: "en" };
    expect(await keptValue(server, userKey(at.person.id))).toEqual({ status: "Active", profile });
    await asOperator(server, "decisions.repairProjection", { keys: [roleKey(at.roleId)] });
    expect(await keptValue(server, roleKey(at.roleId))).toMatchObject({ given: ["Organization.Update"] });
  });
});

describe("a change of the permission tree", () => {
  it("changes one entry, independent of the number of roles", async () => {
    const { token } = await newAdministrator(server);
    const root = `Tree${unique()}`;
    const made = await server.call(`POST ${iam}/permissions`, { token, body: { value: root, scope: "Organization" } });
    expectWritten(made, 201);
    await Promise.all(Array.from({ length: 3 }, () => holderOf(server, [root])));
    await server.application.settled();
    const { database } = server.application.platform;
    const newest = async () =>
      (await sql<{ version: string }>`select max(version)::text as version from projection_entries`.execute(database.owner)).rows[0]
        ?.version;
    const before = await newest();
    expectWritten(await server.call(`POST ${iam}/permissions`, { token, body: { value: `${root}.Read`, scope: "Organization" } }), 201);
    await server.application.settled();
    const { rows } = await sql<{ key: string }>`select key from projection_entries where version > ${before}::bigint`.execute(
      database.owner,
    );
    expect(rows.map(({ key }) => key)).toEqual([policyKey]);
  });
});

describe("without a running projector", () => {
  let database: TestDatabase | undefined;
  let folder: string;
  let holder: Holder;
  let administrator: Person;
  let idle: TestServer;
  const root = `Idle${unique()}`;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gatehouse-idle-"));
    database = backend === "postgresql" ? await makeDatabase() : undefined;
    const environment = { GATEHOUSE_DATA_DIR: join(folder, "data"), ...(database ? { DATABASE_URL: database.url } : {}) };
    const first = await openTestServer(environment);
    administrator = await newAdministrator(first);
    for (const value of [root, `${root}.Read`]) {
      const body = { value, scope: "Organization" };
      expectWritten(await first.call(`POST ${iam}/permissions`, { token: administrator.token, body }), 201);
    }
    holder = await holderOf(first, ["Organization.Update", root]);
    await first.application.settled();
    await first.close();
    idle = await openTestServer(environment, { worker: false });
  }, 120_000);
  afterAll(async () => {
    await idle?.close();
    await database?.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("a check of a changed role is decided from the tables, within the bound", async () => {
    expect((await ask(idle, holder, "Organization.Update")).body).toMatchObject({ isAuthorized: true });
    const { ownerToken: token, roleId } = holder;
    const change = (method: string) =>
      idle.call(`${method} ${iam}/roles/${roleId}/permissions`, { token, body: { permissions: ["Organization.Update"] } });
    expectWritten(await change("DELETE"), 200);
    expect((await ask(idle, holder, "Organization.Update")).body).toMatchObject({ isAuthorized: false, reasonCode: "missing_permission" });
    expectWritten(await change("POST"), 200);
    expect((await ask(idle, holder, "Organization.Update")).body).toMatchObject({ isAuthorized: true });
  });

  it("a check that a change of the tree does not concern succeeds, and one that it concerns is refused", async () => {
    const { token } = administrator;
    expect((await ask(idle, holder, `${root}.Read`)).body).toMatchObject({ isAuthorized: true });
    const listed = await idle.call(`GET ${iam}/permissions?scope=Organization&limit=200`, { token });
    const { id } = listed.body.items.find(({ value }: AnyBody) => value === `${root}.Read`);
    expectWritten(await idle.call(`PUT ${iam}/permissions/${id}`, { token, body: { parent: null } }), 200);
    expect((await ask(idle, holder, "Organization.Update")).body).toMatchObject({ isAuthorized: true });
    expect((await ask(idle, holder, root)).body).toMatchObject({ isAuthorized: true });
    const refused = await ask(idle, holder, `${root}.Read`);
    expect([refused.status, refused.body.error?.code]).toEqual([503, "common.unavailable"]);
    await idle.application.startWorker();
    await expect.poll(async () => (await ask(idle, holder, `${root}.Read`)).status).toBe(200);
    expect((await ask(idle, holder, `${root}.Read`)).body).toMatchObject({ isAuthorized: false });
  });
});

describe("processes of the previous release, in a roll-out and after a roll-back", () => {
  const listKey = (roleId: string) => `iam:role:${roleId}:effective_permissions`;
  const ownerList = "iam:role:system:Organization:Owner:effective_permissions";

  it("find the lists of system roles, and of unchanged custom roles", async () => {
    const [changed, other] = [await holderOf(server, ["Organization.Update"]), await holderOf(server, ["Organization.Update"])];
    await server.application.settled();
    const { owner } = server.application.platform.database;
    expect(await keptValue(server, ownerList)).toContain("Organization.ManageOwners");
    const lists = [changed, other].map(({ roleId }) => listKey(roleId));
    await sql`insert into projection_entries (key, value, version)
      select key, '["Organization.Update"]', 1 from unnest(${lists}::text[]) as l (key)`.execute(owner);
    const body = { permissions: ["Organization.Update"] };
    const { ownerToken: token, roleId } = changed;
    expectWritten(await server.call(`DELETE ${iam}/roles/${roleId}/permissions`, { token, body }), 200);
    await server.application.settled();
    expect(await keptValue(server, listKey(roleId))).toBeNull();
    expect(await keptValue(server, listKey(other.roleId))).toEqual(["Organization.Update"]);
    // The repair that such a process requests for a missing list.
    await asOperator(server, "decisions.repairProjection", { keys: [listKey(roleId)] });
    expect(await keptValue(server, listKey(roleId))).toEqual([]);
  });

  // Reads the snapshot of the projecting process, which is another one if the roles run in separate processes.
  it.skipIf(distributed)("lose every list of a custom role when a permission moves, and get it back on request", async () => {
    const { token } = await newAdministrator(server);
    const [from, to] = [`From${unique()}`, `To${unique()}`];
    const ids: Record<string, string> = {};
    for (const value of [from, `${from}.Read`, to]) {
      const made = await server.call(`POST ${iam}/permissions`, { token, body: { value, scope: "Organization" } });
      ids[value] = made.body.id;
    }
    const { roleId } = await holderOf(server, [from]);
    await asOperator(server, "decisions.repairProjection", { keys: [listKey(roleId)] });
    expect(await keptValue(server, listKey(roleId))).toEqual([from, `${from}.Read`]);
    const before = await server.application.platform.snapshotCache.read([]);
    expectWritten(await server.call(`PUT ${iam}/permissions/${ids[`${from}.Read`]}`, { token, body: { parent: to } }), 200);
    await server.application.settled();
    expect(await keptValue(server, listKey(roleId))).toBeNull();
    expect(await keptValue(server, ownerList)).toContain("Organization.ManageOwners");
    const after = await server.application.platform.snapshotCache.read([]);
    expect(after.watermark?.generation).not.toBe(before.watermark?.generation);
    await asOperator(server, "decisions.repairProjection", { keys: [listKey(roleId)] });
    expect(await keptValue(server, listKey(roleId))).toEqual([from]);
  });
});

describe("the schema step 0120", () => {
  it("converts the entries of the previous release to those of this one", async () => {
    const at = await holderOf(server, ["Organization.Update"]);
    await server.application.settled();
    const { owner } = server.application.platform.database;
    const step = steps.find(({ name }) => name === "0120_access_rules_as_given");
    await owner.transaction().execute(async (tx) => {
      await sql`select set_config('app.tenant', '*', true)`.execute(tx);
      await sql`update projection_entries set value = value - 'given' - 'isSystem' where key like 'iam:role:id:%'`.execute(tx);
      await sql`update projection_entries set value = jsonb_set(value, '{permissions}',
        (select jsonb_agg(p - 'scope') from jsonb_array_elements(value -> 'permissions') p)) where key = ${policyKey}`.execute(tx);
      await sql`drop index idx_projection_entries_older_lists`.execute(tx);
      // The step runs before the one that gave the table its name of today.
      await sql`alter table projection_entries rename to access_read_model`.execute(tx);
      await step?.up(tx);
      await sql`alter table access_read_model rename to projection_entries`.execute(tx);
      await sql`alter index idx_access_read_model_older_lists rename to idx_projection_entries_older_lists`.execute(tx);
    });
    const page: { keys: string[] } = await asOperator(server, "decisions.listEntryKeys", { cursor: null });
    const keys = page.keys.filter((key) => key.startsWith("iam:role:") || key === policyKey);
    expect(keys).toContain(roleKey(at.roleId));
    const { differences } = await asOperator(server, "decisions.verifyProjection", { keys });
    expect(differences).toEqual([]);
  });
});
