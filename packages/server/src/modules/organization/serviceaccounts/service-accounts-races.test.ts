import { randomUUID } from "node:crypto";
import { expectWritten } from "@gatehouse/testing/answers.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { newOrganization, rolesOf, unique } from "@gatehouse/testing/people.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/service-accounts.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";
import { everyTenant, type WriteHandle } from "#platform/database/database.ts";

/** Pairs of concurrent calls. Few, because each pair needs its own account. */
const rounds = 8;

const world = World.ofSuite();
beforeAll(() => world.model({ resourceTypes: { door: { relations: { opener: { subjects: ["service"] } } } } }));

const transact = <T>(work: (tx: WriteHandle) => Promise<T>): Promise<T> =>
  world.server.application.platform.database.transact(everyTenant, work);

const countOf = async (table: string, column: string, value: string): Promise<number> => {
  const { rows } = await transact((tx) =>
    sql<{ count: number }>`select count(*)::int as count from ${sql.table(table)} where ${sql.ref(column)}::text = ${value}`.execute(tx),
  );
  return rows[0]?.count ?? 0;
};

const eventsAbout = async (type: string, field: string, id: string): Promise<readonly AnyBody[]> => {
  const { rows } = await transact((tx) =>
    sql<{
      data: AnyBody;
    }>`select data from events where type = ${type} and data ->> ${field} = ${id} order by transaction, sequence`.execute(tx),
  );
  return rows.map(({ data }) => data);
};

const newAccount = (): Promise<AnyBody> =>
  newServiceAccount(world.server, world.owner.token, world.organization.id, [world.roles["Member"] as string]);
const at = (id: string) => `/api/v1/service-accounts/${id}`;
const call = (route: string, body?: object) =>
  world.server.call(route, { token: world.owner.token, ...(body === undefined ? {} : { body }) });

/** Expects that no roles, grants or decision data of an account are left. */
async function expectGone(id: string): Promise<void> {
  for (const [table, column] of [
    ["service_accounts", "id"],
    ["access_services", "service_id"],
    ["role_assignments", "user_id"],
    ["relationships", "subject_id"],
  ] as const)
    expect([table, await countOf(table, column, id)]).toEqual([table, 0]);
}

describe("a service account", () => {
  it("is created once by concurrent requests with the same name", async () => {
    const name = `Same ${unique()}`;
    const body = { organizationId: world.organization.id, name, roleIds: [world.roles["Member"]] };
    const answers = await Promise.all(Array.from({ length: 8 }, () => call("POST /api/v1/service-accounts", body)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array(7).fill(409)]);
  });

  it("is completely deleted by a deletion concurrent with a change", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { id } = await newAccount();
      const [changed, deleted] = await Promise.all([
        call(`PATCH ${at(id)}`, { status: "Suspended", roleIds: [world.roles["Admin"]] }),
        call(`DELETE ${at(id)}`),
      ]);
      expect([200, 404]).toContain(changed.status);
      // The deletion checked the roles before the change. It is refused if the account has other roles now.
      expect([204, 403]).toContain(deleted.status);
      if (deleted.status === 403) expectWritten(await call(`DELETE ${at(id)}`), 204);
      await expectGone(id);
    }
  });

  it("is deleted once by concurrent deletions", async () => {
    const { id } = await newAccount();
    const answers = await Promise.all(Array.from({ length: 6 }, () => call(`DELETE ${at(id)}`)));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(await eventsAbout("service_account.deleted.v1", "serviceAccountId", id)).toHaveLength(1);
    expect(await eventsAbout("service.status_changed.v1", "serviceId", id)).toMatchObject([{ status: "Active" }, { status: "Deleted" }]);
  });

  it("leaves no grant if a grant and its deletion are concurrent", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { id } = await newAccount();
      const [granted, deleted] = await Promise.all([world.grant(`door:${unique()}`, "opener", `service:${id}`), call(`DELETE ${at(id)}`)]);
      expect([201, 400]).toContain(granted.status);
      expect(deleted.status).toBe(204);
      await expectGone(id);
    }
  });

  it("has only existing roles if its creation and the deletion of a role are concurrent", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const role = await world.role();
      const body = { organizationId: world.organization.id, name: `Service ${unique()}`, roleIds: [role] };
      const [created, removed] = await Promise.all([
        call("POST /api/v1/service-accounts", body),
        world.send(`DELETE roles/${role}`, world.owner.token),
      ]);
      expect([[201, 409].join(), [404, 204].join()]).toContain([created.status, removed.status].join());
    }
  });

  it("is deleted with its organization, with events", async () => {
    const organization = await newOrganization(world.server);
    const roles = await rolesOf(world.server, organization);
    const { owner, id: organizationId } = organization;
    const role = await world.role(["Organization.Read"], organization);
    const services = [
      await newServiceAccount(world.server, owner.token, organizationId, [role, roles["Owner"] as string]),
      await newServiceAccount(world.server, owner.token, organizationId, [roles["Member"] as string]),
    ];
    const check = async (userId: string): Promise<string> => {
      const body = { userId, tenantId: organizationId, actionType: "Organization.Read" };
      return (await world.send("POST authorization/check", world.administrator.token, body)).body.reasonCode;
    };
    expect(await check(services[0].id)).toBe("role");
    const status = (value: string) => world.send(`PUT organizations/${organizationId}`, world.administrator.token, { status: value });
    expectWritten(await status("Suspended"), 200);
    expect(await check(services[0].id)).toBe("organization_suspended");
    expectWritten(await status("Active"), 200);
    expect(await asOperator(world.server, "tenancy.eraseOrganization", { organizationId })).toEqual({ erased: true });
    // The job of the erasure may have removed the roles already.
    expect(["organization_suspended", "not_a_member"]).toContain(await check(services[0].id));
    await eventually(() => countOf("organizations", "id", organizationId)).toBe(0);
    for (const { id } of services) {
      await expectGone(id);
      expect((await eventsAbout("service.status_changed.v1", "serviceId", id)).at(-1)).toMatchObject({ organizationId, status: "Deleted" });
      expect((await eventsAbout("assignment.changed.v1", "userId", id)).at(-1)).toMatchObject({ holder: "service", roleIds: [] });
      await eventually(() => check(id)).toBe("not_a_member");
    }
  });
});

describe("the projection of service accounts", () => {
  const keysOf = (id: string) => [`iam:user:id:${id}`, `iam:membership:user:${id}:org:${world.organization.id}`];
  const entryOf = async (key: string): Promise<AnyBody> => {
    const { rows } = await transact((tx) => sql<{ value: AnyBody }>`select value from projection_entries where key = ${key}`.execute(tx));
    return rows[0]?.value;
  };

  it("follows creation, status changes and deletion, and passes verification", async () => {
    const { id } = await newAccount();
    const [ofAccount, ofRoles] = keysOf(id) as [string, string];
    await world.server.application.settled();
    expect(await entryOf(ofAccount)).toEqual({ status: "Active", kind: "service" });
    expect(await entryOf(ofRoles)).toEqual({ roleIds: [world.roles["Member"]] });
    expectWritten(await call(`PATCH ${at(id)}`, { status: "Suspended" }), 200);
    await world.server.application.settled();
    expect(await entryOf(ofAccount)).toEqual({ status: "Suspended", kind: "service" });
    const verify = (keys: readonly string[]) => asOperator(world.server, "decisions.verifyProjection", { keys });
    expect((await verify(keysOf(id))).differences).toEqual([]);
    expectWritten(await call(`DELETE ${at(id)}`), 204);
    await world.server.application.settled();
    expect([await entryOf(ofAccount), await entryOf(ofRoles)]).toEqual([null, null]);
    expect((await verify(keysOf(id))).differences).toEqual([]);
  });

  it("is verified as missing after a loss, and repaired", async () => {
    const { id } = await newAccount();
    await world.server.application.settled();
    const key = keysOf(id)[0] as string;
    await transact((tx) => sql`delete from projection_entries where key = ${key}`.execute(tx));
    const keys: string[] = [];
    for (let cursor: string | null = null; ; ) {
      const page: AnyBody = await asOperator(world.server, "decisions.listEntryKeys", { cursor });
      keys.push(...page.keys);
      cursor = page.next;
      if (cursor === null) break;
    }
    expect(keys).toContain(key);
    expect((await asOperator(world.server, "decisions.verifyProjection", { keys: [key] })).differences).toMatchObject([
      { key, how: "missing" },
    ]);
    await asOperator(world.server, "decisions.repairProjection", { keys: [key] });
    expect(await entryOf(key)).toEqual({ status: "Active", kind: "service" });
  });

  it("has no entry of an unknown id", async () => {
    const [key] = keysOf(randomUUID()) as [string];
    expect((await asOperator(world.server, "decisions.verifyProjection", { keys: [key] })).differences).toEqual([]);
  });
});
