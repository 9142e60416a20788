import { matches } from "@gatehouse/policy";
import { expectError, expectRead } from "@gatehouse/testing/answers.ts";
import { installCameras } from "@gatehouse/testing/cameras.ts";
import { newOrganization, type Person, unique, unknownId } from "@gatehouse/testing/people.ts";
import { compare } from "@gatehouse/testing/references.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { CompiledQuery, type Kysely, sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";

interface Row {
  readonly id: string;
  readonly floor: number | null;
  readonly public: boolean | null;
  readonly owner: string | null;
}

const world = World.ofSuite(["member", "nonMember"]);
let db: Kysely<never>;
/** The application's rows: every floor, with and without the attributes that conditions read, and ids with special characters of SQL and JSON. */
const rows: Row[] = [];
beforeAll(async () => {
  await installCameras(world, { attributes: { user: { clearance: "number", team: "text" }, request: { open: "boolean" } } });
  db = world.server.application.platform.database.owner as Kysely<never>;
  await sql`create table product_cameras (id text primary key, floor integer, public boolean, owner text)`.execute(db);
  for (const floor of [null, 0, 1, 2, 3])
    for (const open of [null, true, false])
      for (const owner of [null, "red", "blue", "it's"]) rows.push({ id: `c-${rows.length}`, floor, public: open, owner });
  for (const id of ["'; drop table product_cameras; --", 'a"b', "a:b#c@d|e/f", "%", "_", "$1", "Ünï", " "])
    rows.push({ id, floor: 1, public: true, owner: null });
  for (const { id, floor, public: open, owner } of rows)
    await sql`insert into product_cameras values (${id}, ${floor}, ${open}, ${owner})`.execute(db);
});

const sqlOf = {
  dialect: "postgresql",
  columns: { id: "id", floor: { column: "floor", type: "number" }, public: "public", owner: "owner" },
};
const filterRequest = (person: Person, actionType: string, more = {}) => ({
  userId: person.id,
  tenantId: world.organization.id,
  actionType,
  resourceType: "Camera",
  ...more,
});

/** The rows that the filter's SQL selects. */
async function chosen(person: Person, action: string, more = {}): Promise<string[]> {
  const answer = await world.send("POST authorization/filter", person.token, filterRequest(person, action, { sql: sqlOf, ...more }));
  expectRead(answer);
  const { text, values } = answer.body.sql;
  const found = await db.executeQuery<Row>(CompiledQuery.raw(`select id from product_cameras where ${text}`, values));
  return found.rows.map(({ id }) => id).sort();
}

/** The rows that a check allows; an undecided one is not allowed. */
async function allowed(person: Person, action: string, more = {}): Promise<string[]> {
  const found: string[] = [];
  for (const { id, ...attributes } of rows) {
    const answer = await world.check(person, action, { resourceType: "Camera", resourceId: id, resourceData: attributes, ...more });
    if (answer.status === 400) expect(answer.body.error.code).toBe("common.validation_failed");
    else expectRead(answer);
    if (answer.body.isAuthorized) found.push(id);
  }
  return found.sort();
}

/** Expects equal rows from both. `some`: neither none nor all, so that the comparison is meaningful. */
async function expectSame(person: Person, action: string, more = {}, some = true): Promise<void> {
  const [bySql, byCheck] = [await chosen(person, action, more), await allowed(person, action, more)];
  expect(bySql).toEqual(byCheck);
  if (some) {
    expect(byCheck.length).toBeGreaterThan(0);
    expect(byCheck.length).toBeLessThan(rows.length);
  }
}

const withRule = async (rule: AnyBody, ...more: string[]) => world.person(await world.roleWith("Camera.View", rule), ...more);

describe("the SQL of a filter selects exactly the rows that a check allows", () => {
  it("for a role without a condition, and for a user without a role", async () => {
    const all = await world.person(await world.role(["Camera.View"]));
    expect(await chosen(all, "Camera.View")).toHaveLength(rows.length);
    await expectSame(all, "Camera.View", {}, false);
    const none = await world.person();
    expect(await chosen(none, "Camera.View")).toEqual([]);
    expect(await chosen(all, "Camera.View", { scopes: ["Camera.Edit"] })).toEqual([]);
  });

  it.each([
    ["a number", compare("$resource.floor", "at_most", 1)],
    ["a text with a quote", compare("$resource.owner", "equals", "it's")],
    ["a boolean", compare("$resource.public", "equals", true)],
    ["what is not", compare("$resource.owner", "not_equals", "red")],
    ["a negation", { not: compare("$resource.floor", "less_than", 2) }],
    ["a list", compare("$resource.owner", "in", ["red", "it's"])],
    ["no list", compare("$resource.owner", "not_in", ["red"])],
    ["what is there", { left: "$resource.owner", operator: "exists" }],
    ["what is not there", { not: { left: "$resource.floor", operator: "exists" } }],
    ["the beginning of a text", compare("$resource.owner", "starts_with", "it'")],
    ["one of two", { any: [compare("$resource.floor", "equals", 0), compare("$resource.owner", "equals", "blue")] }],
    ["both", { all: [compare("$resource.floor", "greater_than", 0), compare("$resource.public", "equals", false)] }],
    ["not both", { not: { all: [compare("$resource.floor", "greater_than", 1), compare("$resource.owner", "equals", "red")] } }],
    ["its own id", compare("$resource.id", "in", ["a:b#c@d|e/f", "%", "'; drop table product_cameras; --"])],
    ["its own id's beginning", compare("$resource.id", "starts_with", "c-1")],
  ])("for a condition on %s", async (_what, condition) => {
    await expectSame(await withRule({ condition }), "Camera.View");
  });

  it("for the user's own attributes, the request and the resource together", async () => {
    const condition = {
      any: [
        compare("$resource.floor", "at_most", "$user.clearance"),
        { all: [compare("$request.open", "equals", true), compare("$resource.public", "equals", true)] },
        compare("$resource.owner", "equals", "$user.team"),
      ],
    };
    const person = await withRule({ condition });
    await world.setAttributes(person, { clearance: 1, team: "red" });
    for (const open of [true, false]) await expectSame(person, "Camera.View", { contextData: { open } });
  });

  it("for a denial, with a condition and together with rules that allow", async () => {
    const all = await world.role(["Camera.View"]);
    await expectSame(await withRule({ effect: "deny", condition: compare("$resource.floor", "at_least", 2) }, all), "Camera.View");
    await expectSame(
      await withRule({ effect: "deny", condition: { not: compare("$resource.public", "equals", true) } }, all),
      "Camera.View",
    );
    const nothing = await withRule({ effect: "deny" }, all);
    expect(await chosen(nothing, "Camera.View")).toEqual([]);
  });

  it("for grants to a user, to user:*, by group and parent, with expiry, and bans, with any characters in ids", async () => {
    const person = await world.person();
    const [group, zone] = [`Group:${unique()}`, `Zone:${unique()}`];
    const user = `user:${person.id}`;
    await world.granted("Camera:'; drop table product_cameras; --", "viewer", user);
    await world.granted("Camera:a:b#c@d|e/f", "viewer", user);
    await world.granted("Camera: ", "editor", user);
    await world.granted("Camera:%", "viewer", "user:*");
    await world.granted("Camera:c-7", "viewer", `${group}#member`);
    await world.granted(group, "member", user);
    await world.granted("Camera:c-8", "zone", zone);
    await world.granted("Camera:c-9", "zone", zone);
    await world.granted(zone, "guard", user);
    await world.granted("Camera:c-9", "banned", user);
    await world.granted("Camera:c-10", "viewer", user, { expiresAt: new Date(world.server.clock.now() + 60_000).toISOString() });
    await world.granted("Camera:not-a-row", "viewer", user);
    expect(await chosen(person, "Camera.View")).toEqual([
      " ",
      "%",
      "'; drop table product_cameras; --",
      "a:b#c@d|e/f",
      "c-10",
      "c-7",
      "c-8",
    ]);
    await expectSame(person, "Camera.View");
    expect(await chosen(person, "Camera.Edit")).toEqual([" "]);
    world.server.clock.advance(61);
    expect(await chosen(person, "Camera.View")).not.toContain("c-10");
    await expectSame(person, "Camera.View");
    const mixed = await withRule({ condition: compare("$resource.floor", "equals", 3) });
    await world.granted("Camera:c-1", "viewer", `user:${mixed.id}`);
    await world.granted("Camera:c-50", "banned", `user:${mixed.id}`);
    await expectSame(mixed, "Camera.View");
  });
});

describe("POST /api/v1/iam/authorization/filter", () => {
  const ask = (token: string, body: AnyBody) => world.send("POST authorization/filter", token, body);

  it("rejects an invalid column, and reports missing request data", async () => {
    const person = await withRule({ condition: compare("$resource.floor", "equals", 1) });
    const attempt = (columns: unknown) => ask(person.token, filterRequest(person, "Camera.View", { sql: { ...sqlOf, columns } }));
    expectError(await attempt({ id: "id" }), 400, "common.validation_failed", "sql.columns");
    const quoted = await attempt({ id: "id", floor: 'floor" is null or "x' });
    if (quoted.status === 200) expect(quoted.body.sql.text).not.toMatch(/(^|[^"])" is null or/);
    expectError(await ask(person.token, filterRequest(person, "Nobody.Defined")), 400, "access.unknown_permission");
    expectError(
      await ask(person.token, filterRequest(person, "Camera.View", { resourceType: "Submarine" })),
      400,
      "access.unknown_resource_type",
    );
    const asks = await withRule({
      condition: { all: [compare("$request.open", "equals", true), compare("$resource.floor", "equals", 1)] },
    });
    expectError(await ask(asks.token, filterRequest(asks, "Camera.View")), 400, "common.validation_failed", "$request.open");
  });

  it("selects certain resources, and lists those whose grants lack data", async () => {
    const person = await world.person();
    const whenOpen = { condition: compare("$request.open", "equals", true) };
    const [sure, open, banned] = [unique(), unique(), unique()];
    for (const [id, more] of [
      [sure, {}],
      [open, whenOpen],
      [banned, {}],
    ] as const)
      await world.granted(`Camera:${id}`, "viewer", `user:${person.id}`, more);
    await world.granted(`Camera:${banned}`, "banned", `user:${person.id}`, whenOpen);
    const matching = async (more = {}) => {
      const answer = await ask(person.token, filterRequest(person, "Camera.View", more));
      expect(answer.status).toBe(200);
      const { filter, undecided } = answer.body;
      return { ids: [sure, open, banned].filter((id) => matches(filter, { id })), undecided };
    };
    const unsaid = await matching();
    expect(unsaid.ids).toEqual([sure]);
    expect(unsaid.undecided.map(({ id }: AnyBody) => id)).toEqual([open, banned].sort());
    expect(unsaid.undecided[0].missing[0].field).toBe("$request.open");
    expect(await matching({ contextData: { open: true } })).toEqual({ ids: [sure, open], undecided: [] });
    expect(await matching({ contextData: { open: false } })).toEqual({ ids: [sure, banned], undecided: [] });
    // With a role that allows every camera, only the ban is undecided.
    const all = await world.person(await world.role(["Camera.View"]));
    await world.granted(`Camera:${open}`, "viewer", `user:${all.id}`, whenOpen);
    await world.granted(`Camera:${banned}`, "banned", `user:${all.id}`, whenOpen);
    const { body } = await ask(all.token, filterRequest(all, "Camera.View"));
    expect([sure, open, banned].filter((id) => matches(body.filter, { id }))).toEqual([sure, open]);
    expect(body.undecided.map(({ id }: AnyBody) => id)).toEqual([banned]);
  });

  it("allows every caller themselves, and others with a permission; a non-member gets the response of an unknown organization", async () => {
    const person = await world.person(await world.role(["Camera.View"]));
    for (const { token } of [person, world.owner, world.administrator])
      expect((await ask(token, filterRequest(person, "Camera.View"))).body.filter).toEqual({ kind: "always" });
    expectError(await ask(world.member.token, filterRequest(person, "Camera.View")), 403, "auth.permission_denied");
    expectError(await ask(world.nonMember.token, filterRequest(person, "Camera.View")), 404, "access.member_not_found");
    const other = await newOrganization(world.server);
    expectError(await ask(other.owner.token, filterRequest(person, "Camera.View")), 404, "access.member_not_found");
    for (const tenantId of [world.organization.id, unknownId]) {
      const own = await ask(world.nonMember.token, { ...filterRequest(world.nonMember, "Camera.View"), tenantId });
      expect(own.body).toMatchObject({ filter: { kind: "never" }, sql: null });
    }
  });
});
