import { randomUUID } from "node:crypto";
import { expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, rolesOf, unique } from "@gatehouse/testing/people.ts";
import { Scene } from "@gatehouse/testing/scene.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { newServiceAccount } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyTenant, type WriteHandle } from "#platform/database/database.ts";

/** Pairs of calls that race; few, as each pair takes an account of its own. */
const rounds = 8;

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
  await scene.model({ resourceTypes: { door: { relations: { opener: { subjects: ["service"] } } } } });
});
afterAll(() => scene.close());

const transact = <T>(work: (tx: WriteHandle) => Promise<T>): Promise<T> =>
  scene.server.application.platform.database.transact(everyTenant, work);

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

const made = (): Promise<AnyBody> =>
  newServiceAccount(scene.server, scene.owner.token, scene.organization.id, [scene.roles["Member"] as string]);
const at = (id: string) => `/api/v1/service-accounts/${id}`;
const call = (route: string, body?: object) =>
  scene.server.call(route, { token: scene.owner.token, ...(body === undefined ? {} : { body }) });

/** Nothing is left of an account: neither roles, nor grants, nor what decisions know of it. */
async function expectGone(id: string): Promise<void> {
  for (const [table, column] of [
    ["service_accounts", "id"],
    ["access_services", "service_id"],
    ["role_assignments", "user_id"],
    ["relationships", "subject_id"],
  ] as const)
    expect([table, await countOf(table, column, id)]).toEqual([table, 0]);
}

describe("service accounts", () => {
  it("of one name that are made at the same moment are one", async () => {
    const name = `Same ${unique()}`;
    const body = { organizationId: scene.organization.id, name, roleIds: [scene.roles["Member"]] };
    const answers = await Promise.all(Array.from({ length: 8 }, () => call("POST /api/v1/service-accounts", body)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array(7).fill(409)]);
  });

  it("that are deleted and changed at the same moment are gone, or were changed before", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { id } = await made();
      const [changed, deleted] = await Promise.all([
        call(`PATCH ${at(id)}`, { status: "Suspended", roleIds: [scene.roles["Admin"]] }),
        call(`DELETE ${at(id)}`),
      ]);
      expect([200, 404]).toContain(changed.status);
      // The deletion looked at the roles from before the change, and is refused where there are others now.
      expect([204, 403]).toContain(deleted.status);
      if (deleted.status === 403) expectWritten(await call(`DELETE ${at(id)}`), 204);
      await expectGone(id);
    }
  });

  it("that are deleted twice at the same moment end once", async () => {
    const { id } = await made();
    const answers = await Promise.all(Array.from({ length: 6 }, () => call(`DELETE ${at(id)}`)));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(await eventsAbout("service_account.deleted.v1", "serviceAccountId", id)).toHaveLength(1);
    expect(await eventsAbout("service.status_changed.v1", "serviceId", id)).toMatchObject([{ status: "Active" }, { status: "Deleted" }]);
  });

  it("that are deleted and granted something at the same moment leave no grant behind", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { id } = await made();
      const [granted, deleted] = await Promise.all([scene.grant(`door:${unique()}`, "opener", `service:${id}`), call(`DELETE ${at(id)}`)]);
      expect([201, 400]).toContain(granted.status);
      expect(deleted.status).toBe(204);
      await expectGone(id);
    }
  });

  it("whose role is deleted at the same moment have roles that exist, or are not made", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const role = await scene.role();
      const body = { organizationId: scene.organization.id, name: `Service ${unique()}`, roleIds: [role] };
      const [created, removed] = await Promise.all([
        call("POST /api/v1/service-accounts", body),
        scene.send(`DELETE roles/${role}`, scene.owner.token),
      ]);
      expect([[201, 409].join(), [404, 204].join()]).toContain([created.status, removed.status].join());
    }
  });

  it("end with their organization, which is told of each", async () => {
    const organization = await newOrganization(scene.server);
    const roles = await rolesOf(scene.server, organization);
    const { owner, id: organizationId } = organization;
    const role = await scene.role(["Organization.Read"], organization);
    const services = [
      await newServiceAccount(scene.server, owner.token, organizationId, [role, roles["Owner"] as string]),
      await newServiceAccount(scene.server, owner.token, organizationId, [roles["Member"] as string]),
    ];
    const check = async (userId: string): Promise<string> => {
      const body = { userId, tenantId: organizationId, actionType: "Organization.Read" };
      return (await scene.send("POST authorization/check", scene.administrator.token, body)).body.reasonCode;
    };
    expect(await check(services[0].id)).toBe("role");
    const status = (value: string) => scene.send(`PUT organizations/${organizationId}`, scene.administrator.token, { status: value });
    expectWritten(await status("Suspended"), 200);
    expect(await check(services[0].id)).toBe("organization_suspended");
    expectWritten(await status("Active"), 200);
    expect(await asOperator(scene.server, "tenancy.eraseOrganization", { organizationId })).toEqual({ erased: true });
    expect(await check(services[0].id)).toBe("organization_suspended");
    while ((await asOperator(scene.server, "tenancy.continueErasure", { organizationId })).more);
    for (const { id } of services) {
      await expectGone(id);
      expect((await eventsAbout("service.status_changed.v1", "serviceId", id)).at(-1)).toMatchObject({ organizationId, status: "Deleted" });
      expect((await eventsAbout("assignment.changed.v1", "userId", id)).at(-1)).toMatchObject({ holder: "service", roleIds: [] });
      expect(await check(id)).toBe("not_a_member");
    }
  });
});

describe("the projection of service accounts", () => {
  const keysOf = (id: string) => [`iam:user:id:${id}`, `iam:membership:user:${id}:org:${scene.organization.id}`];
  const entryOf = async (key: string): Promise<AnyBody> => {
    const { rows } = await transact((tx) => sql<{ value: AnyBody }>`select value from access_read_model where key = ${key}`.execute(tx));
    return rows[0]?.value;
  };

  it("follows their creation, their status and their deletion, and verifies", async () => {
    const { id } = await made();
    const [ofAccount, ofRoles] = keysOf(id) as [string, string];
    await scene.server.application.settled();
    expect(await entryOf(ofAccount)).toEqual({ status: "Active", kind: "service" });
    expect(await entryOf(ofRoles)).toEqual({ roleIds: [scene.roles["Member"]] });
    expectWritten(await call(`PATCH ${at(id)}`, { status: "Suspended" }), 200);
    await scene.server.application.settled();
    expect(await entryOf(ofAccount)).toEqual({ status: "Suspended", kind: "service" });
    const verify = (keys: readonly string[]) => asOperator(scene.server, "decisions.verifyProjection", { keys });
    expect((await verify(keysOf(id))).differences).toEqual([]);
    expectWritten(await call(`DELETE ${at(id)}`), 204);
    await scene.server.application.settled();
    expect([await entryOf(ofAccount), await entryOf(ofRoles)]).toEqual([null, null]);
    expect((await verify(keysOf(id))).differences).toEqual([]);
  });

  it("is found missing, and repaired", async () => {
    const { id } = await made();
    await scene.server.application.settled();
    const key = keysOf(id)[0] as string;
    await transact((tx) => sql`delete from access_read_model where key = ${key}`.execute(tx));
    const keys: string[] = [];
    for (let cursor: string | null = null; ; ) {
      const page: AnyBody = await asOperator(scene.server, "decisions.listEntryKeys", { cursor });
      keys.push(...page.keys);
      cursor = page.next;
      if (cursor === null) break;
    }
    expect(keys).toContain(key);
    expect((await asOperator(scene.server, "decisions.verifyProjection", { keys: [key] })).differences).toMatchObject([
      { key, how: "missing" },
    ]);
    await asOperator(scene.server, "decisions.repairProjection", { keys: [key] });
    expect(await entryOf(key)).toEqual({ status: "Active", kind: "service" });
  });

  it("has nothing about an id that nobody has", async () => {
    const [key] = keysOf(randomUUID()) as [string];
    expect((await asOperator(scene.server, "decisions.verifyProjection", { keys: [key] })).differences).toEqual([]);
  });
});
