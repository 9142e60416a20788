import { expectError, expectRead } from "@gatehouse/testing/answers.ts";
import { installCameras } from "@gatehouse/testing/cameras.ts";
import { newOrganization, type Person, unique, unknownId } from "@gatehouse/testing/people.ts";
import { compare, on, refOf } from "@gatehouse/testing/references.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["member", "nonMember"]);
/** Cameras in relationships. */
const cameras: string[] = [];
beforeAll(async () => {
  await installCameras(world);
  for (let index = 0; index < 12; index += 1) {
    const one = `Camera:${String(index).padStart(2, "0")}-${unique()}`;
    cameras.push(one);
    // In a relationship, but accessible to no one.
    await world.granted(one, "banned", "Group:nobody#member");
  }
});

type Fields = Readonly<Record<string, unknown>>;
const about = (person: Person, more: Fields = {}) => ({ userId: person.id, tenantId: world.organization.id, ...more });
const view = (person: Person, more: Fields = {}) => about(person, { actionType: "Camera.View", resourceType: "Camera", ...more });
const list = (what: "resources" | "subjects" | "actions", body: Fields, token = world.owner.token) =>
  world.send(`POST authorization/list-${what}`, token, body);

/** All pages of a list, each no longer than `limit`. Fails on a duplicate. */
async function all(what: "resources" | "subjects", body: Fields, token?: string): Promise<AnyBody[]> {
  const found: AnyBody[] = [];
  let cursor: string | null = null;
  do {
    const page = await list(what, { ...body, ...(cursor === null ? {} : { cursor }) }, token);
    expectRead(page);
    if (body["limit"]) expect(page.body.items.length).toBeLessThanOrEqual(body["limit"] as number);
    found.push(...page.body.items);
    cursor = page.body.nextCursor;
  } while (cursor !== null);
  const ids = found.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toEqual([...ids].sort());
  return found;
}
const idsOf = async (person: Person, more: Fields = {}) => (await all("resources", view(person, more))).map(({ id }) => id);
const expected = async (person: Person) => {
  const may: string[] = [];
  for (const one of cameras) {
    const answer = await world.check(person, "Camera.View", on(one));
    if (answer.body.isAuthorized) may.push(refOf(one).id);
  }
  return may;
};

describe("POST /api/v1/iam/authorization/list-resources", () => {
  it("lists the resources that checks allow by relations, groups and parents, without banned ones, in pages of any size", async () => {
    const person = await world.person();
    const [group, zone] = [`Group:${unique()}`, `Zone:${unique()}`];
    const user = `user:${person.id}`;
    const [a, b, c, d, e, f, g] = cameras as [string, string, string, string, string, string, string];
    await world.granted(a, "viewer", user);
    await world.granted(b, "editor", user);
    await world.granted(c, "viewer", `${group}#member`);
    await world.granted(group, "member", user);
    await world.granted(d, "zone", zone);
    await world.granted(e, "zone", zone);
    await world.granted(zone, "guard", `${group}#member`);
    await world.granted(e, "banned", user);
    await world.granted(f, "viewer", user, { expiresAt: new Date(world.server.clock.now() + 60_000).toISOString() });
    await world.granted(g, "viewer", user, { condition: compare("$request.day", "equals", "monday") });
    const may = await expected(person);
    expect(may).toEqual([a, b, c, d, f].map((one) => refOf(one).id));
    const sunday = { contextData: { day: "sunday" } };
    for (const limit of [1, 2, 5, 100]) expect(await idsOf(person, { limit, ...sunday })).toEqual(may);
    const page = await list("resources", view(person, sunday));
    expect(page.body).toMatchObject({ coverage: "listed", nextCursor: null });
    expect(await idsOf(person, { contextData: { day: "monday" } })).toEqual([...may, refOf(g).id].sort());
    world.server.clock.advance(61);
    expect(await idsOf(person, sunday)).toEqual(may.filter((id) => id !== refOf(f).id));
    // The one without the day is undecided, and the others are listed.
    const undated = await list("resources", view(person));
    expectRead(undated);
    expect(undated.body.items.map(({ id }: AnyBody) => id)).toEqual(may.filter((id) => id !== refOf(f).id));
    const missing = [{ field: "$request.day", rule: "required", message: expect.any(String) }];
    expect(undated.body.undecided).toEqual([{ ...refOf(g), missing }]);
    expect((await list("resources", view(person, sunday))).body.undecided).toEqual([]);
  });

  it("lists undecided resources on the page of their position, undecided bans included", async () => {
    const person = await world.person();
    const monday = { condition: compare("$request.day", "equals", "monday") };
    const ids = Array.from({ length: 9 }, (_, index) => `u${index}-${unique()}`);
    for (const [index, id] of ids.entries()) {
      const open = index % 3 === 1;
      await world.granted(`Camera:${id}`, "viewer", `user:${person.id}`, open && index !== 4 ? monday : {});
      if (index === 4) await world.granted(`Camera:${id}`, "banned", `user:${person.id}`, monday);
    }
    const items: string[] = [];
    const undecided: string[] = [];
    for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
      const page: AnyBody = await list("resources", view(person, { limit: 2, ...(cursor === null ? {} : { cursor }) }));
      expectRead(page);
      items.push(...page.body.items.map(({ id }: AnyBody) => id));
      undecided.push(...page.body.undecided.map(({ id }: AnyBody) => id));
      cursor = page.body.nextCursor;
    }
    expect(items).toEqual(ids.filter((_id, index) => index % 3 !== 1));
    expect(undecided).toEqual(ids.filter((_id, index) => index % 3 === 1));
    for (const id of undecided) expectError(await world.check(person, "Camera.View", on(`Camera:${id}`)), 400, "common.validation_failed");
  });

  it("rejects a request that lacks data of a role's condition, which concerns every resource", async () => {
    const person = await world.person(await world.roleWith("Camera.View", { condition: compare("$request.day", "equals", "monday") }));
    expectError(await list("resources", view(person)), 400, "common.validation_failed", "$request.day");
  });

  it("reports in its coverage that a role allows all resources, or those of a filter", async () => {
    const everything = await world.person(await world.role(["Camera.View"]));
    expect((await list("resources", view(everything))).body.coverage).toBe("all");
    expect(await idsOf(everything, { limit: 5 })).toEqual(expect.arrayContaining(await expected(everything)));
    expect(await expected(everything)).toHaveLength(cameras.length);
    const some = await world.person(await world.roleWith("Camera.View", { condition: compare("$resource.floor", "equals", 1) }));
    expect((await list("resources", view(some))).body).toMatchObject({ coverage: "filtered" });
    const none = await world.person();
    expect((await list("resources", view(none))).body).toMatchObject({ items: [], coverage: "listed", nextCursor: null });
  });

  it("is complete and without duplicates over a thousand resources, even while others are added", async () => {
    const person = await world.person();
    const count = 1_000;
    const { owner } = world.server.application.platform.database;
    await sql`insert into relationships
      (id, organization_id, resource_type, resource_id, relation, subject_type, subject_id, granted_at)
      select gen_random_uuid(), ${world.organization.id}::uuid, 'Camera', 'many-' || lpad(n::text, 4, '0'), 'viewer', 'user', ${person.id}, now()
      from generate_series(1, ${count}::int) n`.execute(owner);
    expect(await idsOf(person, { limit: 100 })).toHaveLength(count);
    const first = await list("resources", view(person, { limit: 100 }));
    await world.granted("Camera:many-0050-more", "viewer", `user:${person.id}`);
    await world.granted("Camera:many-0500-more", "viewer", `user:${person.id}`);
    const rest: string[] = [];
    let cursor = first.body.nextCursor;
    while (cursor !== null) {
      const page = await list("resources", view(person, { limit: 100, cursor }));
      rest.push(...page.body.items.map(({ id }: AnyBody) => id));
      cursor = page.body.nextCursor;
    }
    expect(rest).toHaveLength(count - 100 + 1);
    expect(rest).toContain("many-0500-more");
  });

  it("lists no resource of another organization", async () => {
    const person = await world.person();
    const other = await newOrganization(world.server, person);
    const one = `Camera:theirs-${unique()}`;
    await world.granted(one, "viewer", `user:${person.id}`, { organizationId: other.id }, person.token);
    expect(await idsOf(person)).not.toContain(refOf(one).id);
    const there = await all("resources", { ...view(person), tenantId: other.id }, person.token);
    expect(there).toEqual([refOf(one)]);
  });
});

describe("POST /api/v1/iam/authorization/list-subjects", () => {
  const subjectQuery = (resource: string, more: Fields = {}) => ({
    tenantId: world.organization.id,
    actionType: "Camera.View",
    ...on(resource),
    // A role's condition reads it.
    resourceData: { floor: 2 },
    ...more,
  });

  it("lists exactly the members whom a check allows, in pages of any size", async () => {
    const role = await world.role();
    const [direct, byRole, banned] = [
      await world.person(),
      await world.person(role),
      await world.person(await world.role(["Camera.View"])),
    ];
    const [one] = cameras as [string];
    await world.granted(one, "viewer", `user:${direct.id}`);
    await world.granted(one, "viewer", `role:${role}`);
    await world.granted(one, "banned", `user:${banned.id}`);
    const { body } = await world.send(`GET organizations/${world.organization.id}/memberships?limit=100`, world.owner.token);
    const may: string[] = [];
    for (const { userId } of body.items) {
      const check = { userId, ...subjectQuery(one) };
      if ((await world.send("POST authorization/check", world.administrator.token, check)).body.isAuthorized) may.push(userId);
    }
    expect(may).toEqual(expect.arrayContaining([direct.id, byRole.id, world.owner.id]));
    expect(may).not.toContain(banned.id);
    expect(may.length).toBeLessThan(body.items.length);
    for (const limit of [1, 3, 100]) {
      const found = await all("subjects", subjectQuery(one, { limit }));
      expect(found).toEqual(may.sort().map((id) => ({ type: "user", id })));
    }
    // Directly: without members who may only because of a system role.
    const directly = (await all("subjects", subjectQuery(one, { direct: true, limit: 1 }))).map(({ id }) => id);
    expect(directly).toEqual(expect.arrayContaining([direct.id, byRole.id]));
    expect(directly).not.toContain(world.owner.id);
    const systemRoles = ["Owner", "Admin", "Member"];
    const left = body.items.filter(({ userId }: AnyBody) => may.includes(userId) && !directly.includes(userId));
    for (const { roles } of left) expect(systemRoles).toEqual(expect.arrayContaining(roles.map(({ name }: AnyBody) => name)));
    expect(directly.length + left.length).toBe(may.length);
    const first = (await list("subjects", subjectQuery(one, { limit: 1 }))).body.nextCursor;
    expectError(
      await list("subjects", subjectQuery(one, { limit: 1, direct: true, cursor: first })),
      400,
      "common.validation_failed",
      "cursor",
    );
    await world.granted(one, "viewer", `user:${world.owner.id}`);
    expect((await all("subjects", subjectQuery(one, { direct: true }))).map(({ id }) => id)).toContain(world.owner.id);
    await world.granted(one, "viewer", "user:*");
    const everyMember = (await all("subjects", subjectQuery(one))).map(({ id }) => id);
    expect(everyMember).toEqual(
      body.items
        .map(({ userId }: AnyBody) => userId)
        .filter((id: string) => id !== banned.id)
        .sort(),
    );
    expect(everyMember).not.toContain(world.nonMember.id);
  });

  it("leaves out members without an attribute of a condition, and lists those undecided for lack of request data", async () => {
    const condition = compare("$user.team", "equals", "red");
    const role = await world.roleWith("Camera.Delete", { condition });
    const [red, blue, unnoted] = [await world.person(role), await world.person(role), await world.person(role)];
    await world.setAttributes(red, { team: "red" });
    await world.setAttributes(blue, { team: "blue" });
    const query = { tenantId: world.organization.id, actionType: "Camera.Delete" };
    const found = (await all("subjects", query)).map(({ id }) => id);
    expect(found).toContain(red.id);
    for (const { id } of [blue, unnoted]) expect(found).not.toContain(id);
    const asks = await world.roleWith("Camera.Delete", { condition: compare("$request.day", "equals", "monday") });
    const open = await world.person(asks);
    const page = await list("subjects", { ...query, limit: 100 });
    expectRead(page);
    expect(page.body.items.map(({ id }: AnyBody) => id)).toContain(red.id);
    const missing = [{ field: "$request.day", rule: "required", message: expect.any(String) }];
    expect(page.body.undecided).toEqual([{ type: "user", id: open.id, missing }]);
    expectRead(await list("subjects", { ...query, contextData: { day: "monday" } }));
  });
});

describe("POST /api/v1/iam/authorization/list-actions", () => {
  it("lists exactly the actions on the type that a check allows", async () => {
    const person = await world.person(await world.role(["Camera.Delete"]), await world.roleWith("Camera.Edit", { effect: "deny" }));
    const one = `Camera:${unique()}`;
    await world.granted(one, "editor", `user:${person.id}`);
    const { body } = await list("actions", about(person, on(one)));
    const may: string[] = [];
    for (const action of ["Camera.View", "Camera.Edit", "Camera.Delete"]) if (await world.mayOn(person, action, one)) may.push(action);
    expect(may).toEqual(["Camera.View", "Camera.Delete"]);
    expect(body.actions).toEqual(may.sort());
    expect((await list("actions", about(person, on(`Camera:${unique()}`)))).body.actions).toEqual(["Camera.Delete"]);
    expectError(await list("actions", about(person, { resourceType: "Submarine" })), 400, "access.unknown_resource_type", "resourceType");
  });
});

describe("a list of more resources than the engine searches at once", () => {
  const many = async (count: number, ...roles: string[]): Promise<{ readonly person: Person; readonly ids: readonly string[] }> => {
    const person = await world.person(...roles);
    const prefix = `lots-${unique()}-`;
    await sql`insert into relationships
      (id, organization_id, resource_type, resource_id, relation, subject_type, subject_id, granted_at)
      select gen_random_uuid(), ${world.organization.id}::uuid, 'Camera', ${prefix} || lpad(n::text, 6, '0'), 'viewer', 'user', ${person.id}, now()
      from generate_series(1, ${count}::int) n`.execute(world.server.application.platform.database.owner);
    return { person, ids: Array.from({ length: count }, (_, index) => `${prefix}${String(index + 1).padStart(6, "0")}`) };
  };

  it("ends each page at its limit and misses none, and a filter reports the limit", { timeout: 120_000 }, async () => {
    const { person, ids } = await many(10_001);
    // In addition, there may be resources granted to user:*.
    expect((await idsOf(person, { limit: 100 })).filter((id) => id.startsWith("lots-"))).toEqual(ids);
    const filter = await world.send("POST authorization/filter", world.owner.token, view(person));
    expectError(filter, 409, "access.evaluation_limit", "resourceType");
    expect(filter.body.error.details[0].message).toContain("list them in pages");
    // A role that allows the action decides: no relationship is read.
    const { person: guard } = await many(10_001, await world.role(["Camera.View"]));
    const settled = await world.send("POST authorization/filter", world.owner.token, view(guard));
    expect(settled.body.filter).toEqual({ kind: "always" });
  });

  it("scans all resources if there are more relationships than a decision reads", { timeout: 120_000 }, async () => {
    const { person, ids } = await many(20_001);
    const found: string[] = [];
    let cursor: string | null = null;
    while (found.length < 300) {
      const page = await list("resources", view(person, { limit: 100, ...(cursor === null ? {} : { cursor }) }));
      expectRead(page);
      expect(page.body.coverage).toBe("listed");
      found.push(...page.body.items.map(({ id }: AnyBody) => id));
      cursor = page.body.nextCursor;
      expect(cursor).not.toBeNull();
    }
    const own = found.filter((id) => id.startsWith("lots-"));
    expect(own.length).toBeGreaterThan(290);
    expect(own).toEqual(ids.slice(0, own.length));
  });
});

describe("authorization of lists", () => {
  const asks = (person: Person, tenantId: string | null = world.organization.id): ["resources" | "actions", Fields][] => [
    ["resources", { ...view(person), tenantId }],
    ["actions", { ...about(person, { resourceType: "Camera" }), tenantId }],
  ];

  it("allows every caller themselves, and others with Organization.CheckAccess; a non-member gets the response of an unknown organization", async () => {
    const person = await world.person();
    const other = await newOrganization(world.server);
    for (const [what, body] of asks(person)) {
      for (const { token } of [person, world.owner, world.administrator]) expectRead(await list(what, body, token));
      expectError(await list(what, body, world.member.token), 403, "auth.permission_denied");
      for (const { token } of [world.nonMember, other.owner]) expectError(await list(what, body, token), 404, "access.member_not_found");
    }
    for (const tenantId of [world.organization.id, unknownId, null]) {
      const [resources, actions] = asks(world.nonMember, tenantId) as [[never, Fields], [never, Fields]];
      expect((await list("resources", resources[1], world.nonMember.token)).body).toMatchObject({
        items: [],
        nextCursor: null,
        coverage: "listed",
      });
      expect((await list("actions", actions[1], world.nonMember.token)).body).toMatchObject({ actions: [] });
    }
    const everyMember = { tenantId: world.organization.id, actionType: "Camera.View" };
    expectError(await list("subjects", everyMember, world.member.token), 403, "auth.permission_denied");
    for (const { token } of [world.nonMember, other.owner])
      expectError(await list("subjects", everyMember, token), 404, "access.member_not_found");
  });

  it("rejects a cursor of another list, user or organization, and a forged one", async () => {
    const person = await world.person();
    for (const one of cameras.slice(0, 3)) await world.granted(one, "viewer", `user:${person.id}`);
    const { nextCursor } = (await list("resources", view(person, { limit: 1 }))).body;
    expect(nextCursor).toEqual(expect.any(String));
    const other = await newOrganization(world.server);
    const elsewhere: ["resources" | "subjects", Fields, string?][] = [
      ["resources", view(world.member)],
      ["resources", view(person, { actionType: "Camera.Edit" })],
      ["resources", view(person, { resourceType: "Zone" })],
      ["resources", { ...view(other.owner), tenantId: other.id }, other.owner.token],
      ["subjects", { tenantId: world.organization.id, actionType: "Camera.View" }],
    ];
    for (const [what, body, token] of elsewhere)
      expectError(await list(what, { ...body, cursor: nextCursor }, token), 400, "common.validation_failed", "cursor");
    for (const cursor of ["x", nextCursor.slice(1), `${nextCursor}A`])
      expectError(await list("resources", view(person, { cursor })), 400, "common.validation_failed", "cursor");
  });
});
