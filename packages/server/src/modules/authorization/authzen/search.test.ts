import { randomUUID } from "node:crypto";
import { expectError, expectRead } from "@gatehouse/testing/answers.ts";
import { joinAs, newOrganization, newPerson, rolesOf, signIn } from "@gatehouse/testing/people.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuthzenWorld, openAuthzenWorld } from "./conformance/authzen-world.ts";

let world: AuthzenWorld;
beforeAll(async () => {
  world = await openAuthzenWorld();
});
afterAll(() => world.server.close());

type Kind = "subject" | "resource" | "action";
const kinds: readonly Kind[] = ["subject", "resource", "action"];
const path = (kind: Kind) => `/access/v1/search/${kind}`;
const alice = () => ({ type: "user", id: world.alice.id });

/** A search of each kind with more than one result. */
const body = (kind: Kind): AnyBody =>
  ({
    subject: { subject: { type: "user" }, action: { name: "can_read" }, resource: { type: "account", id: "123" } },
    resource: { subject: alice(), action: { name: "can_read" }, resource: { type: "account" } },
    action: { subject: alice(), resource: { type: "account", id: "123" } },
  })[kind];

const ask = async (kind: Kind, request: object, token = world.token): Promise<AnyBody> => {
  const answer = await world.post(path(kind), request, { token });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
};
/** Without the owner, who may do everything. */
const found = async (kind: Kind, request: object, token = world.token): Promise<AnyBody> =>
  (await ask(kind, request, token)).results.filter(({ id }: AnyBody) => id !== world.organization.owner.id);
/** All pages of at most `limit`. */
async function pages(kind: Kind, request: object, limit: number): Promise<AnyBody[][]> {
  const all: AnyBody[][] = [];
  for (let token: string | undefined; all.length < 20; ) {
    const { results, page } = await ask(kind, { ...request, page: token === undefined ? { limit } : { token } });
    expect(page.count).toBe(results.length);
    all.push(results);
    if (page.next_token === "") return all;
    token = page.next_token;
  }
  throw new Error("too many pages");
}

describe("an AuthZEN search", () => {
  it("finds subjects, resources and actions, each sorted, and nothing that an evaluation denies", async () => {
    const users = [world.alice.id, world.bob.id].sort().map((id) => ({ type: "user", id }));
    expect(await found("subject", body("subject"))).toEqual(users);
    expect(await found("resource", body("resource"))).toEqual(["123", "456", "789"].map((id) => ({ type: "account", id })));
    expect(await found("action", body("action"))).toEqual([{ name: "can_read" }, { name: "can_write" }]);
    for (const subject of users) expect((await world.decide({ ...body("subject"), subject })).decision).toBe(true);
    expect(
      await found("action", { subject: users.find(({ id }) => id === world.bob.id), resource: { type: "account", id: "123" } }),
    ).toEqual([{ name: "can_read" }]);
  });

  it("finds access by groups, and by a role on every resource", async () => {
    const { server, organization, bob } = world;
    await world.grant("group/g1", "member", { type: "user", id: bob.id });
    await world.grant("document/shared.md", "viewer", { type: "group", id: "g1", relation: "member" });
    const reading = { action: { name: "read" }, resource: { type: "document", id: "shared.md" } };
    const subject = { type: "user", id: bob.id };
    expect(await found("subject", { ...reading, subject: { type: "user" } })).toContainEqual(subject);
    const owner = { type: "user", id: organization.owner.id };
    const directly = { subject: { type: "user", properties: { direct: true } } };
    expect(await found("subject", { ...reading, ...directly })).toContainEqual(subject);
    expect(await found("resource", { ...reading, subject })).toEqual([{ type: "document", id: "shared.md" }]);
    expect(await found("action", { resource: reading.resource, subject })).toContainEqual({ name: "read" });
    expect((await found("resource", { action: { name: "read" }, resource: { type: "document" }, subject: owner })).length).toBeGreaterThan(
      2,
    );
    const reader = await newPerson(server, "reader");
    const { body: role } = await server.call<AnyBody>("POST /api/v1/iam/roles", {
      token: organization.owner.token,
      body: { name: "Readers of everything", scope: "Organization", organizationId: organization.id },
    });
    await server.call(`POST /api/v1/iam/roles/${role.id}/permissions`, {
      token: organization.owner.token,
      body: { permissions: ["can_edit"] },
    });
    await joinAs(server, organization, reader, role.id);
    expect(
      await found("subject", { subject: { type: "user" }, action: { name: "can_edit" }, resource: { type: "document", id: "1" } }),
    ).toContainEqual({
      type: "user",
      id: reader.id,
    });
  });

  it("lists items whose conditions lack data in the context, in addition to all certain results", async () => {
    const reader = await newPerson(world.server, "reader");
    await joinAs(world.server, world.organization, reader, (await rolesOf(world.server, world.organization))["Member"] as string);
    const subject = { type: "user", id: reader.id };
    const condition = { operator: "equals", left: "$request.zone", right: "a" };
    await world.grant("document/certain", "viewer", subject);
    await world.grant("document/open", "viewer", subject, condition);
    const request = { subject, action: { name: "read" }, resource: { type: "document" } };
    const answer = await ask("resource", request);
    expect(answer.results).toEqual([{ type: "document", id: "certain" }]);
    expect(answer.context).toEqual({ undecided: [{ type: "document", id: "open", missing: ["$request.zone"] }] });
    expect((await ask("resource", { ...request, context: { zone: "a" } })).results).toHaveLength(2);
    expect((await ask("resource", { ...request, context: { zone: "b" } })).context).toBeUndefined();
    const who = await ask("subject", { ...request, subject: { type: "user" }, resource: { type: "document", id: "open" } });
    expect(who.context).toEqual({ undecided: [{ type: "user", id: reader.id, missing: ["$request.zone"] }] });
    expect(who.results).toContainEqual({ type: "user", id: world.organization.owner.id });
  });

  it("reads the resource's properties and the context, and leaves out undecided subjects", async () => {
    const writers = (properties?: object) =>
      found("subject", { subject: { type: "user" }, action: { name: "write" }, resource: { type: "record", id: "record-2", properties } });
    expect(await writers({ status: "archived" })).toEqual([{ type: "user", id: world.bob.id }]);
    expect(await writers()).toHaveLength(2);
    const deleting = (kind: Kind, more: object) =>
      found(kind, { ...body(kind), action: { name: "delete", ...more }, resource: { type: "record", id: "record-1" } });
    for (const kind of ["subject", "resource"] as const) {
      expect(await deleting(kind, {})).toEqual([]);
      expect(await deleting(kind, { properties: { soft: true } })).toHaveLength(1);
      expect(await deleting(kind, { properties: { soft: false } })).toEqual([]);
    }
    const actions = (context?: object) => found("action", { subject: alice(), resource: { type: "record", id: "record-1" }, context });
    expect(await actions()).toEqual([{ name: "read" }, { name: "write" }]);
    expect(await actions({ action: { soft: true } })).toEqual([{ name: "delete" }, { name: "read" }, { name: "write" }]);
  });

  it("finds nothing for an undefined action or type, with status 200", async () => {
    const nothing = async (kind: Kind, more: object, code?: string) => {
      const answer = await ask(kind, { ...body(kind), ...more });
      expect(answer).toMatchObject({ page: { next_token: "", count: 0 }, results: [] });
      expect(answer.context?.reason_code).toBe(code);
    };
    for (const kind of kinds) {
      await nothing(kind, { subject: { type: "spaceship", id: "1" } }, "unknown_subject");
      await nothing(kind, { resource: { type: "spaceship", id: "1" } }, "unknown_resource_type");
      await nothing(kind, { resource: { type: "t".repeat(256), id: "1" } }, "invalid_input");
    }
    for (const kind of ["subject", "resource"] as const) await nothing(kind, { action: { name: "no such" } }, "unknown_permission");
    for (const kind of ["resource", "action"] as const) {
      await nothing(kind, { subject: { type: "user", id: "nobody" } }, "unknown_subject");
      await nothing(kind, { subject: { type: "user", id: randomUUID() } });
    }
    expect(await found("subject", { ...body("subject"), resource: { type: "account", id: "nowhere" } })).toEqual([]);
    await nothing("action", { subject: { type: "user", id: world.bob.id }, resource: { type: "account", id: "nowhere" } });
  });

  it("ignores the id of the searched entity, an action in an action search, and unknown fields", async () => {
    for (const id of ["x", 5, null, {}, world.bob.id]) {
      expect(await found("subject", { ...body("subject"), subject: { type: "user", id } })).toHaveLength(2);
      expect(await found("resource", { ...body("resource"), resource: { type: "account", id } })).toHaveLength(3);
    }
    for (const action of [5, null, "x", { name: 7 }, { name: "can_read" }])
      expect(await found("action", { ...body("action"), action })).toHaveLength(2);
    for (const kind of kinds) {
      const expected = await found(kind, body(kind));
      expect(
        await found(kind, { ...body(kind), foo: { bar: 1 }, page: { foo: 1, next_token: "x", limit: null, token: null }, context: null }),
      ).toEqual(expected);
    }
  });

  it.each([
    ["subject", { subject: undefined }, "subject"],
    ["subject", { subject: {} }, "subject.type"],
    ["subject", { action: undefined }, "action"],
    ["subject", { action: {} }, "action.name"],
    ["subject", { resource: undefined }, "resource"],
    ["subject", { resource: { type: "account" } }, "resource.id"],
    ["resource", { subject: undefined }, "subject"],
    ["resource", { subject: { type: "user" } }, "subject.id"],
    ["resource", { action: undefined }, "action"],
    ["resource", { resource: undefined }, "resource"],
    ["resource", { resource: { id: "1" } }, "resource.type"],
    ["action", { subject: { type: "user" } }, "subject.id"],
    ["action", { subject: { id: "x" } }, "subject.type"],
    ["action", { resource: { type: "account" } }, "resource.id"],
    ["action", { resource: { id: "1" } }, "resource.type"],
    ["action", { context: 1 }, "context"],
    ["action", { page: "x" }, "page"],
    ["action", { page: { limit: -1 } }, "page.limit"],
    ["action", { page: { limit: 1.5 } }, "page.limit"],
    ["action", { page: { token: 5 } }, "page.token"],
    ["subject", { subject: { type: "user", properties: { tenantId: "x" } } }, "subject.properties.tenantId"],
  ] as const)("of kind %s rejects %j with 400", async (kind, more, field) => {
    expectError(await world.post(path(kind), { ...body(kind), ...more }), 400, "common.validation_failed", field);
  });

  it("needs no permission for the caller, and one of two permissions for others", async () => {
    const { server, organization, administrator } = world;
    const token = await signIn(server, world.alice.email, organization.id);
    for (const kind of ["resource", "action"] as const) {
      expect((await found(kind, body(kind), token)).length).toBeGreaterThan(1);
      const others = { ...body(kind), subject: { type: "user", id: world.bob.id } };
      for (const id of [world.bob.id, randomUUID()])
        expectError(
          await withoutTrace(server, () => world.post(path(kind), { ...others, subject: { type: "user", id } }, { token })),
          403,
          "auth.permission_denied",
        );
    }
    expectError(await world.post(path("subject"), body("subject"), { token }), 403, "auth.permission_denied");
    const named = { ...body("subject"), subject: { type: "user", properties: { tenantId: organization.id } } };
    expect(await found("subject", named, administrator.token)).toHaveLength(2);
    expect(await found("subject", named, organization.owner.token)).toHaveLength(2);
    for (const kind of kinds) expectError(await server.call(`POST ${path(kind)}`, { body: body(kind) }), 401, "auth.credential_required");
  });

  it("finds nothing of another tenant", async () => {
    const { server, organization, administrator } = world;
    const other = await newOrganization(server);
    await joinAs(server, other, world.alice, (await rolesOf(server, other))["Member"] as string);
    const there = await signIn(server, other.owner.email, other.id);
    for (const kind of kinds) {
      const results = await found(kind, body(kind), there);
      expect(results.filter(({ id }: AnyBody) => id !== other.owner.id)).toEqual([]);
    }
    for (const tenantId of [organization.id, randomUUID()]) {
      const subject = { type: "user", properties: { tenantId } };
      expectError(await world.post(path("subject"), { ...body("subject"), subject }, { token: there }), 403, "auth.permission_denied");
    }
    const aliceThere = await signIn(server, world.alice.email, other.id);
    for (const kind of ["resource", "action"] as const)
      for (const tenantId of [organization.id, randomUUID()])
        expect(await found(kind, { ...body(kind), subject: { ...alice(), properties: { tenantId } } }, aliceThere)).toEqual([]);
    expect(
      await found("resource", { ...body("resource"), subject: { ...alice(), properties: { tenantId: other.id } } }, administrator.token),
    ).toEqual([]);
  });

  it("returns equal bodies for equal requests, tokens included, with the page first, and writes nothing", async () => {
    for (const kind of kinds) {
      const request = { ...body(kind), page: { limit: 1 } };
      const first = await world.post(path(kind), request);
      expectRead(first);
      expect(Object.keys(first.body)[0]).toBe("page");
      expect(first.body.page.next_token).not.toBe("");
      expect((await world.post(path(kind), request)).body).toEqual(first.body);
      await withoutTrace(world.server, () => world.post(path(kind), request));
    }
  });
});

describe("a page of an AuthZEN search", () => {
  it("has at most the limit, and the tokens lead to every result once", async () => {
    for (const kind of kinds) {
      const whole = (await ask(kind, body(kind))).results;
      for (const limit of [1, 2, 1_000]) {
        const all = await pages(kind, body(kind), limit);
        expect(all.flat()).toEqual(whole);
        expect(all.every((page) => page.length <= limit)).toBe(true);
      }
    }
    expect(await pages("resource", body("resource"), 2)).toEqual([
      [
        { type: "account", id: "123" },
        { type: "account", id: "456" },
      ],
      [{ type: "account", id: "789" }],
    ]);
  });

  it("with the limit 0 leads to the same position", async () => {
    const none = await ask("resource", { ...body("resource"), page: { limit: 0 } });
    expect(none).toMatchObject({ results: [], page: { count: 0 } });
    expect(none.page.next_token).not.toBe("");
    const again = await ask("resource", { ...body("resource"), page: { limit: 0, token: none.page.next_token } });
    expect(again).toEqual(none);
  });

  it("continues the same search only: with members in any order, and the limit omitted or unchanged", async () => {
    const request = { ...body("resource"), context: { a: 1, b: { c: 2, d: 3 } }, page: { limit: 1, properties: { sort: "id" } } };
    const { page } = await ask("resource", request);
    const token = page.next_token;
    const { context, page: _page, ...rest } = request;
    const turned = { context: { b: { d: 3, c: 2 }, a: 1 }, ...Object.fromEntries(Object.entries(rest).reverse()), unknown: true };
    for (const same of [{ token }, { token, limit: 1 }, { token, properties: { sort: "id" } }])
      expect((await ask("resource", { ...turned, page: same })).results).toEqual([{ type: "account", id: "456" }]);
    const refused = async (more: object, field: string, by = world.token, kind: Kind = "resource") =>
      expectError(
        await world.post(path(kind), { ...rest, context, page: { token }, ...more }, { token: by }),
        400,
        "common.validation_failed",
        field,
      );
    await refused({ page: { token, limit: 2 } }, "page.limit");
    await refused({ page: { token, properties: { sort: "x" } } }, "page.properties");
    await refused({ context: { a: 2 } }, "page.token");
    await refused({ context: undefined }, "page.token");
    await refused({ action: { name: "can_write" } }, "page.token");
    await refused({ resource: { type: "document" } }, "page.token");
    await refused({ subject: { ...alice(), properties: { x: 1 } } }, "page.token");
    await refused({ subject: { type: "user", id: world.bob.id } }, "page.token");
    await refused({ resource: { type: "account", id: "123" } }, "page.token", world.token, "action");
    await refused({}, "page.token", await signIn(world.server, world.alice.email, world.organization.id));
    for (const spoilt of [
      "",
      "x",
      "a3M9NDU2O3N6PTI=",
      `${token}x`,
      token.slice(0, -1),
      `${token.slice(0, 10)}A${token.slice(11)}`,
      "t".repeat(8_001),
    ])
      await refused({ page: { token: spoilt } }, "page.token");
  });

  it("is rejected with a token of another tenant", async () => {
    const request = (tenantId: string) => ({ ...body("resource"), subject: { ...alice(), properties: { tenantId } } });
    const { page } = await ask("resource", { ...request(world.organization.id), page: { limit: 1 } }, world.administrator.token);
    const elsewhere = { ...request((await newOrganization(world.server)).id), page: { token: page.next_token } };
    expectError(
      await world.post(path("resource"), elsewhere, { token: world.administrator.token }),
      400,
      "common.validation_failed",
      "page.token",
    );
  });
});
