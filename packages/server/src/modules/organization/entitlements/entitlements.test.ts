import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, type OrganizationOf, type Person, unknownId } from "@gatehouse/testing/people.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["nonMember"]);
beforeAll(async () => {
  await world.define("video", "video.watch", "seat", "seat.add", "plain");
  await world.model({
    requirements: {
      video: { entitlements: [{ feature: "video" }] },
      "seat.add": { entitlements: [{ limit: "seats", current: "$request.count" }] },
    },
  });
});

const put = (at: OrganizationOf | string, body: Readonly<Record<string, unknown>>, token = world.administrator.token, headers = {}) =>
  world.send(`PUT organizations/${typeof at === "string" ? at : at.id}/entitlements`, token, body, headers);
const get = (at: OrganizationOf | string, token: string) =>
  world.send(`GET organizations/${typeof at === "string" ? at : at.id}/entitlements`, token);
/** An organization without a subscription, and its owner. */
const fresh = async (): Promise<{ at: OrganizationOf; owner: Person }> => {
  const at = await newOrganization(world.server);
  return { at, owner: at.owner };
};
const decides = (at: OrganizationOf, actionType: string, contextData: unknown = null) =>
  world.decide(at.owner, actionType, { tenantId: at.id, contextData });

describe("an entitlement requirement", () => {
  it("denies with a reason of its own where no entitlements are known", async () => {
    const { at } = await fresh();
    for (const [action, data] of [
      ["video.watch", null],
      ["seat.add", { count: 0 }],
    ] as const)
      expect(await decides(at, action, data)).toMatchObject({
        isAuthorized: false,
        reasonCode: "entitlement_data_unavailable",
        applicableEntitlements: {},
      });
    expect(await decides(at, "plain")).toMatchObject({ isAuthorized: true, applicableEntitlements: {} });
    expect(await decides(at, "seat")).toMatchObject({ isAuthorized: true });
  });

  it("on a feature applies to all descendants of the permission, immediately after a change", async () => {
    const { at } = await fresh();
    for (const [entitlements, allowed] of [
      [{ video: true }, true],
      [{ video: false }, false],
      [{ video: 3 }, true],
      [{ video: 0 }, false],
      [{ videos: true }, false],
      [{}, false],
      [{ video: true }, true],
    ] as const) {
      const written = await put(at, { entitlements });
      expectWritten(written, 200);
      for (const action of ["video", "video.watch"]) {
        const decision = await decides(at, action);
        expect(decision, JSON.stringify(entitlements)).toMatchObject({
          isAuthorized: allowed,
          reasonCode: allowed ? "role" : "entitlement",
          applicableEntitlements: "video" in entitlements ? { video: entitlements.video } : {},
        });
      }
    }
  });

  it("on a limit requires the request's count to be below it, unless it is unlimited", async () => {
    const { at } = await fresh();
    await world.setEntitlements({ seats: 5, video: true }, at);
    for (const [count, allowed] of [
      [0, true],
      [4, true],
      [4.5, true],
      [5, false],
      [6, false],
      [-1, true],
    ] as const)
      expect(await decides(at, "seat.add", { count })).toMatchObject({
        isAuthorized: allowed,
        reasonCode: allowed ? "role" : "entitlement",
        // Only the entitlements that the action requires.
        applicableEntitlements: { seats: 5 },
      });
    for (const contextData of [null, {}, { count: null }, { count: "4" }])
      expectError(
        await world.check(at.owner, "seat.add", { tenantId: at.id, contextData }),
        400,
        "common.validation_failed",
        "$request.count",
      );
    await world.setEntitlements({ seats: "unlimited" }, at);
    for (const contextData of [{ count: 1_000_000 }, null])
      expect(await decides(at, "seat.add", contextData)).toMatchObject({
        isAuthorized: true,
        applicableEntitlements: { seats: "unlimited" },
      });
    await world.setEntitlements({ seats: 0 }, at);
    expect(await decides(at, "seat.add", { count: 0 })).toMatchObject({ isAuthorized: false });
  });

  it("grants nothing without a role", async () => {
    await world.setEntitlements({ video: true });
    const person = await world.person();
    expect(await world.decide(person, "video.watch")).toMatchObject({ isAuthorized: false, reasonCode: "missing_permission" });
  });

  it("does not disclose entitlements to a non-member", async () => {
    await world.setEntitlements({ video: true, seats: 7 });
    for (const action of ["video.watch", "seat.add"]) {
      const answer = await world.decide(world.nonMember, action, { contextData: { count: 1 } });
      const unknown = await world.decide(world.nonMember, action, { contextData: { count: 1 }, tenantId: unknownId });
      expect(answer).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member", applicableEntitlements: {} });
      expect({ ...answer, decisionId: "", revision: "" }).toEqual({ ...unknown, decisionId: "", revision: "" });
    }
    const batch = await world.send("POST authorization/check-batch", world.nonMember.token, {
      checks: [{ userId: world.nonMember.id, tenantId: world.organization.id, actionType: "video.watch" }],
    });
    expect(batch.body.results[0].applicableEntitlements).toEqual({});
  });

  it("reads the entitlements of its own organization only", async () => {
    const [one, two] = [await fresh(), await fresh()];
    await world.setEntitlements({ video: true }, one.at);
    await world.setEntitlements({ video: false }, two.at);
    expect(await decides(one.at, "video.watch")).toMatchObject({ isAuthorized: true });
    expect(await decides(two.at, "video.watch")).toMatchObject({ isAuthorized: false });
  });
});

describe("PUT and GET /api/v1/iam/organizations/{id}/entitlements", () => {
  it("replace the entitlements, with versions and If-Match, and are readable by members", async () => {
    const { at, owner } = await fresh();
    const none = await get(at, owner.token);
    expectRead(none);
    expect(none.body).toEqual({ organizationId: at.id, plan: null, entitlements: null, updatedAt: null, version: 0 });
    const first = await put(at, { plan: "pro", entitlements: { video: true, seats: 5, storage: "unlimited" } }, undefined, {
      "if-match": '"0"',
    });
    expectWritten(first, 200);
    expect(first.headers["etag"]).toBe('"1"');
    const second = await put(at, { entitlements: { seats: 6 } });
    expect(second.body).toMatchObject({ plan: null, entitlements: { seats: 6 }, version: 2 });
    for (const token of [owner.token, world.administrator.token]) expect((await get(at, token)).body).toEqual(second.body);
    const stale = () => put(at, { entitlements: {} }, undefined, { "if-match": '"1"' });
    expectError(await withoutTrace(world.server, stale), 412, "common.version_conflict");
  });

  it("are writable by internal administrators only, and unreadable for non-members", async () => {
    const { at, owner } = await fresh();
    for (const token of [owner.token, world.owner.token, world.nonMember.token])
      expectError(await withoutTrace(world.server, () => put(at, { entitlements: {} }, token)), 403, "auth.permission_denied");
    for (const token of [world.owner.token, world.nonMember.token])
      expect(await get(at, token).then(({ status, body }) => [status, body.error.code])).toEqual(
        await get(unknownId, token).then(({ status, body }) => [status, body.error.code]),
      );
    expectError(await put(unknownId, { entitlements: {} }), 404, "entitlements.organization_not_found");
    expectError(await get(unknownId, world.administrator.token), 404, "entitlements.organization_not_found");
  });

  it.each([
    [{ seats: -1 }, "entitlements.seats"],
    [{ seats: "many" }, "entitlements.seats"],
    [{ seats: null }, "entitlements.seats"],
    [{ seats: [1] }, "entitlements.seats"],
    [{ "a b": 1 }, "entitlements"],
    [{ "": 1 }, "entitlements"],
  ])("refuse the entitlements %j", async (entitlements, field) => {
    const answer = await withoutTrace(world.server, () => put(world.organization, { entitlements }));
    expectError(answer, 400, "common.validation_failed");
    expect(answer.body.error.details[0].field.startsWith(field)).toBe(true);
  });
});
