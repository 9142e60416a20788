import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { newAdministrator, newOrganization, newPerson, type Person, unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
let administrator: Person;
let person: Person;
beforeAll(async () => {
  administrator = await newAdministrator(server);
  person = await newPerson(server);
});

const unknownId = "0198c0de-0000-7000-8000-000000000000";
const define = (value: string, overrides: Readonly<Record<string, unknown>> = {}, token = administrator.token): Promise<Answer<AnyBody>> =>
  server.call("POST /api/v1/iam/permissions", { token, body: { value, scope: "Organization", ...overrides } });
const update = (id: string, body: unknown, token = administrator.token, headers = {}): Promise<Answer<AnyBody>> =>
  server.call(`PUT /api/v1/iam/permissions/${id}`, { token, body, headers });
const remove = (id: string, token = administrator.token, headers = {}): Promise<Answer<AnyBody>> =>
  server.call(`DELETE /api/v1/iam/permissions/${id}`, { token, headers });
const list = (query = "", token = administrator.token): Promise<Answer<AnyBody>> =>
  server.call(`GET /api/v1/iam/permissions${query}`, { token });
const root = (): string => `P${unique()}`;

describe("POST /api/v1/iam/permissions", () => {
  it("defines a permission below the one with its name's prefix, if that is defined", async () => {
    const name = root();
    const top = await define(name, { description: "Everything about it" });
    expectWritten(top, 201);
    expect(top.body).toEqual({
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      value: name,
      description: "Everything about it",
      scope: "Organization",
      parent: null,
      isSystemPermission: false,
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: top.body.createdAt,
      version: 1,
    });
    expect(top.headers["etag"]).toBe('"1"');
    expect((await define(`${name}.Create`)).body.parent).toBe(name);
    expect((await define(`${name}.Orphan`, { parent: null })).body.parent).toBeNull();
    expect((await define(`${root()}.Create`)).body.parent).toBeNull();
  });

  it("defines a permission below a given parent, which must exist and have the same scope", async () => {
    const [one, other, internal] = [root(), root(), root()];
    await define(one);
    await define(internal, { scope: "Internal" });
    expect((await define(`${other}.Create`, { parent: one })).body.parent).toBe(one);
    expectError(await withoutTrace(server, () => define(`${one}.Delete`, { parent: root() })), 404, "access.parent_not_found", "parent");
    expectError(await withoutTrace(server, () => define(`${one}.Delete`, { parent: internal })), 409, "access.scope_mismatch");
    expectError(await withoutTrace(server, () => define(`${internal}.Read`)), 409, "access.scope_mismatch");
  });

  it("defines each value once, even of sixteen concurrent requests", async () => {
    const name = root();
    const answers = await Promise.all(Array.from({ length: 16 }, () => define(name)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const refused of answers.filter(({ status }) => status !== 201)) expectError(refused, 409, "access.permission_taken", "value");
    expectError(await withoutTrace(server, () => define("Organization.Read")), 409, "access.permission_taken");
  });

  it.each([
    ["", {}, "value"],
    [".", {}, "value"],
    ["Product.", {}, "value"],
    [".Create", {}, "value"],
    ["Product..Create", {}, "value"],
    ["Product Create", {}, "value"],
    ["Product.*", {}, "value"],
    ["1Product", {}, "value"],
    ["Sản.Phẩm", {}, "value"],
    [`P${"x".repeat(255)}`, {}, "value"],
    ["Product", { scope: "Everywhere" }, "scope"],
    ["Product", { scope: undefined }, "scope"],
    ["Product", { isSystemPermission: true }, "isSystemPermission"],
    ["Product", { description: "d".repeat(2_001) }, "description"],
  ])("rejects %j with %j", async (value, overrides, field) => {
    expectError(await withoutTrace(server, () => define(value, overrides)), 400, "common.validation_failed", field);
  });

  it("is refused to callers who are not internal administrators", async () => {
    const { owner } = await newOrganization(server);
    expectError(await withoutTrace(server, () => define(root(), {}, owner.token)), 403, "auth.permission_denied");
    expectError(await server.call("POST /api/v1/iam/permissions", { body: {} }), 401, "auth.credential_required");
  });
});

describe("PUT /api/v1/iam/permissions/{id}", () => {
  it("changes the description and the parent; the value stays", async () => {
    const [one, other] = [root(), root()];
    await define(one);
    const moved = (await define(`${one}.Create`)).body;
    await define(other);
    const updatedDescription = await update(moved.id, { description: "Make one" });
    expectWritten(updatedDescription, 200);
    expect(updatedDescription.body).toMatchObject({ description: "Make one", parent: one, version: 2, value: `${one}.Create` });
    expect((await update(moved.id, { parent: other })).body).toMatchObject({ description: "Make one", parent: other });
    expect((await update(moved.id, { parent: null, description: null })).body).toMatchObject({
      description: null,
      parent: null,
      version: 4,
    });
    expectError(await withoutTrace(server, () => update(moved.id, { value: "Other" })), 400, "common.validation_failed", "value");
    expectError(await withoutTrace(server, () => update(moved.id, {})), 400, "common.validation_failed");
  });

  it("rejects a cycle, an unknown parent, another scope, a system permission, a stale version and a non-member", async () => {
    const name = root();
    const top = (await define(name)).body;
    const middle = (await define(`${name}.A`)).body;
    await define(`${name}.A.B`);
    const internal = root();
    await define(internal, { scope: "Internal" });
    const attempt = (id: string, body: unknown, token?: string, headers = {}) =>
      withoutTrace(server, () => update(id, body, token, headers));
    expectError(await attempt(top.id, { parent: `${name}.A.B` }), 409, "access.parent_cycle", "parent");
    expectError(await attempt(top.id, { parent: name }), 409, "access.parent_cycle", "parent");
    expectError(await attempt(middle.id, { parent: root() }), 404, "access.parent_not_found", "parent");
    expectError(await attempt(middle.id, { parent: internal }), 409, "access.scope_mismatch", "parent");
    expectError(
      await attempt(middle.id, { description: "New" }, administrator.token, { "if-match": '"3"' }),
      412,
      "common.version_conflict",
    );
    expectError(await attempt(middle.id, { description: "New" }, person.token), 403, "auth.permission_denied");
    expectError(await attempt(unknownId, { description: "New" }), 404, "access.permission_not_found");
    const system = (await list("?limit=200")).body.items.find(({ value }: AnyBody) => value === "Organization.Read");
    expectError(await attempt(system.id, { description: "Ours" }), 409, "access.system_permission");
  });

  it("creates no cycle by two concurrent moves", async () => {
    for (let round = 0; round < 5; round += 1) {
      const [one, other] = [root(), root()];
      const [a, b] = [(await define(one)).body, (await define(other)).body];
      const answers = await Promise.all([update(a.id, { parent: other }), update(b.id, { parent: one })]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    }
  });
});

describe("DELETE /api/v1/iam/permissions/{id}", () => {
  it("deletes a permission that no role has and that has no child", async () => {
    const name = root();
    const top = (await define(name)).body;
    const below = (await define(`${name}.A`)).body;
    const organization = await newOrganization(server);
    const { token } = organization.owner;
    const role = (
      await server.call("POST /api/v1/iam/roles", {
        token,
        body: { name: "Holder", scope: "Organization", organizationId: organization.id },
      })
    ).body;
    await server.call(`POST /api/v1/iam/roles/${role.id}/permissions`, { token, body: { permissions: [`${name}.A`] } });
    expectError(await withoutTrace(server, () => remove(top.id)), 409, "access.permission_in_use");
    expectError(await withoutTrace(server, () => remove(below.id)), 409, "access.permission_in_use");
    await server.call(`DELETE /api/v1/iam/roles/${role.id}/permissions`, { token, body: { permissions: [`${name}.A`] } });
    expectError(
      await withoutTrace(server, () => remove(below.id, administrator.token, { "if-match": '"5"' })),
      412,
      "common.version_conflict",
    );
    expectWritten(await remove(below.id, administrator.token, { "if-match": '"1"' }), 204);
    expectWritten(await remove(top.id), 204);
    expectError(await withoutTrace(server, () => remove(top.id)), 404, "access.permission_not_found");
    const answer = await server.call("POST /api/v1/iam/authorization/check", {
      token: person.token,
      body: { userId: person.id, actionType: name },
    });
    expectError(answer, 400, "access.unknown_permission", "actionType");
  });

  it("rejects a system permission and a non-member", async () => {
    const system = (await list("?limit=200")).body.items.find(({ value }: AnyBody) => value === "Organization.Read");
    expectError(await withoutTrace(server, () => remove(system.id)), 409, "access.system_permission");
    expectError(await withoutTrace(server, () => remove(system.id, person.token)), 403, "auth.permission_denied");
  });
});

describe("GET /api/v1/iam/permissions", () => {
  it("lists those of organizations to every user, in the order of their values, page by page", async () => {
    const name = root();
    for (const last of ["C", "A", "B"]) await define(`${name}.${last}`);
    const values: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: Answer<AnyBody> = await list(`?limit=7${cursor && `&cursor=${cursor}`}`, person.token);
      expectRead(page);
      values.push(...page.body.items.map(({ value }: AnyBody) => value));
      cursor = page.body.nextCursor;
    }
    expect(new Set(values).size).toBe(values.length);
    expect(values.filter((value) => value.startsWith(name))).toEqual([`${name}.A`, `${name}.B`, `${name}.C`]);
    expect(values).toContain("Organization.ManageOwners");
    expect(values).not.toContain("Tenant.SetStatus");
  });

  it("lists internal ones to callers with Permission.Read", async () => {
    expectError(await list("?scope=Internal", person.token), 403, "auth.permission_denied");
    const { items } = (await list("?scope=Internal&limit=200")).body;
    expect(items.map(({ value }: AnyBody) => value)).toContain("Tenant.SetStatus");
    expect(items.every(({ scope }: AnyBody) => scope === "Internal")).toBe(true);
    expectError(await list("?scope=internal"), 400, "common.validation_failed", "scope");
  });
});
