import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { unique } from "@gatehouse/testing/people.ts";
import { compare } from "@gatehouse/testing/references.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["member", "nonMember"]);
beforeAll(async () => {
  await world.define("Camera", "Camera.View", "Camera.Edit");
});

const cameras = {
  attributes: { user: { team: "text" }, request: { channel: "text" } },
  resourceTypes: {
    Zone: { relations: { guard: { subjects: ["user", "role"] } } },
    Camera: {
      attributes: { floor: "number" },
      relations: {
        zone: { subjects: ["Zone"] },
        viewer: { subjects: ["user", "user:*", "Zone#guard"], from: { through: "zone", relation: "guard" } },
        banned: { subjects: ["user"] },
      },
      permissions: { "Camera.View": { allow: { base: "viewer", except: "banned" } } },
    },
  },
};
const read = () => world.send("GET authorization/model", world.member.token);
const version = async (): Promise<number> => (await read()).body.version;
/** `cameras` with one value changed. */
function changed(path: string, value: unknown): AnyBody {
  const model: AnyBody = structuredClone(cameras);
  const names = path.split("/");
  const last = names.pop() as string;
  const parent = names.reduce((at, name) => {
    at[name] ??= {};
    return at[name];
  }, model);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return model;
}

describe("the authorization model", () => {
  it("is empty with version 0 at first; a replacement increments the version and is readable for every user", async () => {
    const before = await version();
    expect((await read()).headers["etag"]).toBe(`"${before}"`);
    if (before === 0) expect((await read()).body.model).toEqual({});
    const put = await world.putModel(cameras);
    expectWritten(put, 200);
    expect(put.body).toEqual({ model: cameras, version: before + 1 });
    const got = await read();
    expectRead(got);
    expect(got.body).toEqual({ model: cameras, version: before + 1 });
    expect(got.headers["etag"]).toBe(`"${before + 1}"`);
  });

  it("honours If-Match: of two replacements of the same version only one succeeds", async () => {
    const etag = { "if-match": `"${await version()}"` };
    const answers = await Promise.all([world.putModel(cameras, etag), world.putModel(cameras, etag)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    expectError(await withoutTrace(world.server, () => world.putModel(cameras, etag)), 412, "common.version_conflict");
  });

  it("cannot be replaced without Authorization.ManageModel", async () => {
    for (const { token } of [world.owner, world.member, world.nonMember])
      expectError(await withoutTrace(world.server, () => world.putModel(cameras, {}, token)), 403, "auth.permission_denied");
    expectError(
      await world.server.call("PUT /api/v1/iam/authorization/model", { body: { model: cameras } }),
      401,
      "auth.credential_required",
    );
    expectError(await world.server.call("GET /api/v1/iam/authorization/model"), 401, "auth.credential_required");
  });

  it.each([
    ["resourceTypes/Camera/relations/viewer/from", "owner", "model.resourceTypes.Camera.relations.viewer.from"],
    [
      "resourceTypes/Camera/relations/viewer/from",
      { through: "zone", relation: "x" },
      "model.resourceTypes.Camera.relations.viewer.from.relation",
    ],
    ["resourceTypes/Camera/relations/viewer/from", { any: [] }, "model.resourceTypes.Camera.relations.viewer.from.any"],
    [
      "resourceTypes/Camera/relations/viewer/from",
      { any: ["banned"], all: ["banned"] },
      "model.resourceTypes.Camera.relations.viewer.from",
    ],
    ["resourceTypes/Camera/relations/viewer/subjects/0", "Robot", "model.resourceTypes.Camera.relations.viewer.subjects.0"],
    ["resourceTypes/Camera/relations/viewer/subjects/0", "Zone#keeper", "model.resourceTypes.Camera.relations.viewer.subjects.0"],
    ["resourceTypes/Camera/relations/viewer", {}, "model.resourceTypes.Camera.relations.viewer"],
    ["resourceTypes/Camera/relations/a b", { subjects: ["user"] }, "model.resourceTypes.Camera.relations.a b"],
    ["resourceTypes/Camera/permissions/Camera.Unheard", { allow: "viewer" }, "model.resourceTypes.Camera.permissions.Camera.Unheard"],
    ["resourceTypes/Camera/permissions/Camera.View", {}, "model.resourceTypes.Camera.permissions.Camera.View"],
    ["resourceTypes/Camera/permissions/Camera.View", { allow: "nobody" }, "model.resourceTypes.Camera.permissions.Camera.View.allow"],
    ["resourceTypes/user", {}, "model.resourceTypes.user"],
    ["resourceTypes/role", {}, "model.resourceTypes.role"],
    ["attributes/user/team", "sentence", "model.attributes.user.team"],
    ["attributes/user/a b", "text", "model.attributes.user.a b"],
    ["requirements/Camera.Unheard", { entitlements: [{ feature: "video" }] }, "model.requirements.Camera.Unheard"],
    [
      "requirements/Camera.View",
      { entitlements: [{ limit: "seats", current: "count" }] },
      "model.requirements.Camera.View.entitlements.0.current",
    ],
    ["attributes/planet", { a: "text" }, "model.attributes.planet"],
    ["code", "1", "model.code"],
  ])("rejects %s = %j and names its path", async (path, value, field) => {
    expectError(await withoutTrace(world.server, () => world.putModel(changed(path, value))), 400, "common.validation_failed", field);
  });

  it("rejects a relation that depends on its own exclusion, directly or indirectly", async () => {
    const loops: [string, AnyBody][] = [
      ["a", { a: { subjects: ["user"], from: { base: "b", except: "a" } }, b: { subjects: ["user"] } }],
      ["a", { a: { subjects: ["user"], from: { base: "b", except: "c" } }, b: { subjects: ["user"] }, c: { from: { any: ["a", "b"] } } }],
      [
        "a",
        {
          parent: { subjects: ["Loop"] },
          a: { subjects: ["user"], from: { base: "parent", except: { through: "parent", relation: "a" } } },
        },
      ],
    ];
    for (const [name, relations] of loops) {
      const answer = await withoutTrace(world.server, () => world.putModel(changed("resourceTypes/Loop", { relations })));
      expectError(answer, 400, "common.validation_failed", `model.resourceTypes.Loop.relations.${name}.from`);
      expect(answer.body.error.details[0].rule).toBe("exclusion");
    }
    const fine = { a: { subjects: ["user"], from: { base: "b", except: "c" } }, b: { subjects: ["user"] }, c: { subjects: ["user"] } };
    expectWritten(await world.putModel(changed("resourceTypes/Loop", { relations: fine })), 200);
  });

  it("reports every issue at once", async () => {
    const model = { resourceTypes: { A: { relations: { x: { from: "nobody" }, y: {} } } }, requirements: { Unheard: {} } };
    const answer = await world.putModel(model);
    expect(answer.body.error.details.map(({ field }: AnyBody) => field).sort()).toEqual([
      "model.requirements.Unheard",
      "model.resourceTypes.A.relations.x.from",
      "model.resourceTypes.A.relations.y",
    ]);
  });

  it("applies to the next decision, with its revision and without", async () => {
    await world.model(cameras);
    const person = await world.person();
    const camera = `Camera:${unique()}`;
    await world.granted(camera, "viewer", `user:${person.id}`);
    const may = (more = {}) => world.mayOn(person, "Camera.View", camera, more);
    expect(await may()).toBe(true);
    for (let round = 0; round < 5; round += 1) {
      const without = await world.putModel(changed("resourceTypes/Camera/permissions", undefined));
      expect(await may(round % 2 ? { minRevision: without.headers["x-gatehouse-revision"] } : {})).toBe(false);
      await world.model(cameras);
      expect(await may()).toBe(true);
    }
  });
});

describe("a model in use", () => {
  it("cannot lose a relation or a kind of subject that grants use, but one that none uses", async () => {
    await world.model(cameras);
    const person = await world.person();
    const [camera, zone] = [`Camera:${unique()}`, `Zone:${unique()}`];
    const grants = [
      await world.granted(camera, "viewer", `user:${person.id}`),
      await world.granted(camera, "viewer", `${zone}#guard`),
      await world.granted(camera, "viewer", "user:*"),
      await world.granted(camera, "zone", zone),
    ];
    const cases: [string, unknown, string][] = [
      ["resourceTypes/Camera", undefined, "user"],
      ["resourceTypes/Camera/relations/viewer/subjects", ["user:*", "Zone#guard"], "user"],
      ["resourceTypes/Camera/relations/viewer/subjects", ["user", "Zone#guard"], "user:*"],
      ["resourceTypes/Camera/relations/viewer/subjects", ["user", "user:*"], "Zone#guard"],
    ];
    for (const [path, value, subject] of cases) {
      const answer = await withoutTrace(world.server, () => world.putModel(changed(path, value)));
      expectError(answer, 409, "access.model_in_use", `model.resourceTypes.Camera.relations.viewer.subjects`);
      expect(answer.body.error.details).toContainEqual(expect.objectContaining({ rule: "used_by_grants", subject }));
      expect(await world.mayOn(person, "Camera.View", camera)).toBe(true);
    }
    expectWritten(await world.putModel(changed("resourceTypes/Zone/relations/guard/subjects", ["user"])), 200);
    for (const { id } of grants) expect((await world.send(`DELETE grants/${id}`, world.owner.token)).status).toBe(204);
    const revoked = await world.send("POST grants/revoke", world.owner.token, {
      organizationId: world.organization.id,
      resource: { type: "Camera", id: "none" },
    });
    expect(revoked.body).toMatchObject({ revoked: 0 });
  });

  it("cannot lose an attribute that a condition of a role or grant reads", async () => {
    await world.model(cameras);
    const role = await world.roleWith("Camera.Edit", { condition: compare("$user.team", "equals", "red") });
    const without = changed("attributes/user", { other: "text" });
    const byRole = await withoutTrace(world.server, () => world.putModel(without));
    expectError(byRole, 409, "access.model_in_use", "model.attributes");
    expect(byRole.body.error.details.map(({ rule }: AnyBody) => rule)).toEqual(["used_by_roles"]);
    // An attribute with another type is rejected like a missing one.
    expectError(await world.putModel(changed("attributes/user/team", "numbers")), 409, "access.model_in_use");
    expect((await world.send(`DELETE roles/${role}`, world.owner.token)).status).toBe(204);
    expectWritten(await world.putModel(without), 200);

    await world.model(cameras);
    const condition = compare("$request.channel", "equals", "web");
    const grant = await world.granted(`Camera:${unique()}`, "banned", `user:${world.member.id}`, { condition });
    const silent = changed("attributes/request", { other: "text" });
    const byGrant = await withoutTrace(world.server, () => world.putModel(silent));
    expectError(byGrant, 409, "access.model_in_use", "model.attributes");
    expect(byGrant.body.error.details.map(({ rule }: AnyBody) => rule)).toEqual(["used_by_grants"]);
    expect((await world.send(`DELETE grants/${grant.id}`, world.owner.token)).status).toBe(204);
    expectWritten(await world.putModel(silent), 200);
  });

  it("restricts conditions to declared attributes if it declares any", async () => {
    await world.model(cameras);
    const role = await world.role();
    const attempt = (left: string) => world.rule(role, "Camera.Edit", { condition: compare(left, "equals", "x") });
    expectError(await attempt("$user.shoe"), 400, "common.validation_failed", "condition.left");
    expectError(await attempt("$request.team"), 400, "common.validation_failed", "condition.left");
    expectWritten(await attempt("$user.team"), 200);
    expectWritten(await attempt("$user.id"), 200);
    expectWritten(await attempt("$tenant.anything"), 200);
    expect((await world.send(`DELETE roles/${role}`, world.owner.token)).status).toBe(204);
  });

  it("prevents the deletion of a permission that it names in a type or requirement", async () => {
    const named = [`Named${unique()}`, `Required${unique()}`, `Free${unique()}`] as const;
    await world.define(...named);
    const model = changed(`resourceTypes/Camera/permissions/${named[0]}`, { allow: "viewer" });
    model.requirements = { [named[1]]: { entitlements: [{ feature: "video" }] } };
    await world.model(model);
    const { body } = await world.send("GET permissions?limit=100", world.administrator.token);
    const remove = (value: string) =>
      world.send(`DELETE permissions/${body.items.find((one: AnyBody) => one.value === value).id}`, world.administrator.token);
    for (const value of named.slice(0, 2))
      expectError(await withoutTrace(world.server, () => remove(value)), 409, "access.permission_in_use");
    expect((await remove(named[2])).status).toBe(204);
    await world.model(cameras);
    for (const value of named.slice(0, 2)) expect((await remove(value)).status).toBe(204);
  });
});
