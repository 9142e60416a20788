import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { newOrganization, type Person, signIn, unknownId } from "@gatehouse/testing/people.ts";
import { compare } from "@gatehouse/testing/references.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["member", "nonMember"]);
beforeAll(async () => {
  await world.define("Book", "Book.Read", "Book.Lend", "Book.Burn");
});

type Fields = Readonly<Record<string, unknown>>;
const preview = (roleId: string, change: Fields, token = world.owner.token, tenantId: string | null = world.organization.id) =>
  world.send("POST authorization/preview", token, { tenantId, roleId, ...change });
async function tried(roleId: string, change: Fields): Promise<AnyBody> {
  const answer = await preview(roleId, change);
  expectRead(answer);
  return answer.body;
}
const differencesOf = (list: AnyBody[], person: Person) =>
  list
    .filter(({ userId }) => userId === person.id)
    .map(({ actionType, before, after }) => `${actionType} ${before} ${after}`)
    .sort();
const asksAll = async (person: Person, more: Fields = {}) => {
  for (const action of ["Book.Read", "Book.Lend", "Book.Burn"]) await world.decide(person, action, more);
};

describe("POST /api/v1/iam/authorization/preview", () => {
  it("returns the gains and losses among recorded queries, which the change then confirms", async () => {
    const role = await world.role(["Book.Read", "Book.Lend"]);
    const [reader, elsewhere] = [await world.person(role), await world.person(await world.role(["Book.Read"]))];
    for (const person of [reader, elsewhere]) await asksAll(person);
    const set = [{ permission: "Book.Burn" }, { permission: "Book.Lend", effect: "deny" }];
    const answer = await tried(role, { set });
    expect(differencesOf(answer.gains, reader)).toEqual(["Book.Burn denied allowed"]);
    expect(differencesOf(answer.losses, reader)).toEqual(["Book.Lend allowed denied"]);
    expect(differencesOf([...answer.gains, ...answer.losses, ...answer.undecided], elsewhere)).toEqual([]);
    expect(answer).toMatchObject({ counts: { gains: 1, losses: 1, undecided: 0 }, partial: false });
    expect(answer.replayed).toBeGreaterThanOrEqual(6);
    expect(differencesOf((await tried(role, { remove: ["Book.Read"] })).losses, reader)).toEqual(["Book.Read allowed denied"]);
    expect((await tried(role, {})).counts).toEqual({ gains: 0, losses: 0, undecided: 0 });

    for (const { permission, ...rule } of set) expectWritten(await world.rule(role, permission, rule), 200);
    expect(await world.may(reader, "Book.Burn")).toBe(true);
    expect(await world.may(reader, "Book.Lend")).toBe(false);
  });

  it("counts each recorded query, and decides conditions with its recorded data", async () => {
    const role = await world.role(["Book.Read"]);
    const person = await world.person(role);
    for (let times = 0; times < 3; times += 1) await world.decide(person, "Book.Read", { contextData: { day: "monday" } });
    await world.decide(person, "Book.Read", { contextData: { day: "sunday" } });
    await world.decide(person, "Book.Read");
    const condition = compare("$request.day", "equals", "sunday");
    const answer = await tried(role, { set: [{ permission: "Book.Read", condition }] });
    const losses = answer.losses.filter(({ userId }: AnyBody) => userId === person.id);
    expect(losses).toHaveLength(1);
    expect(losses[0]).toMatchObject({ times: 3, before: "allowed", after: "denied" });
    expect(differencesOf(answer.undecided, person)).toEqual(["Book.Read allowed invalid"]);
    expect(differencesOf(answer.gains, person)).toEqual([]);
  });

  it("changes nothing", async () => {
    const role = await world.role(["Book.Read"]);
    const person = await world.person(role);
    await asksAll(person);
    const set = [{ permission: "Book", effect: "deny" }];
    const answer = await withoutTrace(world.server, () => tried(role, { set }));
    expect(answer.counts.losses).toBeGreaterThan(0);
    expect(await world.may(person, "Book.Read")).toBe(true);
    expect(await world.may(person, "Book.Burn")).toBe(false);
  });

  it("covers the requested days, and recorded queries are pruned after their retention", async () => {
    const later = await World.open();
    try {
      await later.define("Book", "Book.Read");
      const role = await later.role(["Book.Read"]);
      const person = await later.person(role);
      await later.decide(person, "Book.Read");
      const lost = async (days: number) => {
        // No session lasts as long.
        const token = await signIn(later.server, later.owner.email);
        const body = { tenantId: later.organization.id, roleId: role, remove: ["Book.Read"], days };
        const answer = await later.send("POST authorization/preview", token, body);
        expectRead(answer);
        return answer.body.counts.losses;
      };
      expect(await lost(1)).toBe(1);
      later.server.clock.advance(3 * 86_400);
      expect([await lost(1), await lost(5)]).toEqual([0, 1]);
      later.server.clock.advance(300 * 86_400);
      expect(await lost(400)).toBe(1);
      await asOperator(later.server, "decisions.pruneDecisions", {});
      expect(await lost(400)).toBe(0);
    } finally {
      await later.close();
    }
  });

  it("replays no query of another organization, even with the same user and action", async () => {
    const [role, person] = [await world.role(["Book.Read"]), await world.person()];
    const other = await newOrganization(world.server, person);
    await world.decide(person, "Book.Read", { tenantId: other.id });
    const theirs = await world.role(["Book.Read"], other);
    const here = await tried(role, { set: [{ permission: "Book.Read", effect: "deny" }] });
    expect(differencesOf([...here.gains, ...here.losses, ...here.undecided], person)).toEqual([]);
    const there = await preview(theirs, { remove: ["Book.Read"] }, person.token, other.id);
    expectRead(there);
    // Every recorded query of the organization.
    expect(there.body.replayed).toBe(1);
  });

  it("needs the permission to check all users, and a custom role of the own organization", async () => {
    const role = await world.role(["Book.Read"]);
    const other = await newOrganization(world.server);
    const set = [{ permission: "Book.Read" }];
    expectError(await preview(role, { set }, world.member.token), 403, "auth.permission_denied");
    for (const { token } of [world.nonMember, other.owner])
      expectError(await preview(role, { set }, token), 404, "access.member_not_found");
    // A role of another organization is not found, like an unknown one.
    const unknown = await preview(unknownId, { set }, other.owner.token, other.id);
    expectError(unknown, 404, "access.role_not_found", "roleId");
    expectError(await preview(role, { set }, other.owner.token, other.id), 404, "access.role_not_found", "roleId");
    expectError(await preview(world.roles["Member"] as string, { set }), 404, "access.role_not_found", "roleId");
    expectError(await preview(role, { set: [{ permission: "Book.Unheard" }] }), 404, "access.permission_not_found", "set");
    const faulty = { permission: "Book.Read", condition: compare("$planet.a", "equals", 1) };
    expectError(await preview(role, { set: [faulty] }), 400, "common.validation_failed");
  });
});
