import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { installCameras } from "@gatehouse/testing/cameras.ts";
import { joinAs, newOrganization, newPerson, type OrganizationOf, type Person, unique, unknownId } from "@gatehouse/testing/people.ts";
import { compare, on } from "@gatehouse/testing/references.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["admin", "member", "nonMember"]);
beforeAll(async () => {
  await world.define("vault", "video", "seat");
  await installCameras(world, {
    requirements: {
      vault: { session: { anyMethod: ["otp"] } },
      video: { entitlements: [{ feature: "video" }] },
      seat: { entitlements: [{ limit: "seats", current: "$request.count" }] },
    },
  });
});

type Fields = Readonly<Record<string, unknown>>;
const camera = () => `Camera:${unique()}`;
const question = (who: Person, actionType: string, more: Fields = {}) => ({
  userId: who.id,
  tenantId: world.organization.id,
  actionType,
  ...more,
});
const explain = (body: Fields, token = world.administrator.token) => world.send("POST authorization/explain", token, body);
async function explained(body: Fields, token?: string): Promise<AnyBody> {
  const answer = await explain(body, token);
  expectRead(answer);
  return answer.body;
}
const checked = async (body: Fields): Promise<AnyBody> => {
  const answer = await world.send("POST authorization/check", world.administrator.token, body);
  expectRead(answer);
  return answer.body;
};
const stepsOf = (body: AnyBody, part: string) => body.steps.filter((step: AnyBody) => step.part === part);
const kindsOf = (body: AnyBody): string[][] => body.changes.map((set: AnyBody[]) => set.map(({ kind }) => kind));

describe("an explanation", () => {
  it("says what the check says, the part that decided, and the facts with their revisions", async () => {
    const role = await world.role(["Camera.View"]);
    const person = await world.person(role);
    for (const action of ["Camera.View", "Camera.Edit"]) {
      const [why, decision] = [await explained(question(person, action), person.token), await checked(question(person, action))];
      expect(why).toMatchObject({ isAuthorized: decision.isAuthorized, reason: decision.reason, reasonCode: decision.reasonCode });
      const known = new Map<string, string | null>(why.facts.map(({ key, revision }: AnyBody) => [key, revision]));
      for (const part of [
        "policy",
        `membership:user:${person.id}`,
        `user:id:${person.id}`,
        `org:${world.organization.id}:status`,
        `role:`,
      ]) {
        const key = [...known.keys()].find((each) => each.includes(part));
        expect(key, `${part} in ${[...known.keys()]}`).toBeDefined();
        expect(known.get(key as string), key).toMatch(/^\d+$/);
      }
    }
    const before = (await explained(question(person, "Camera.View"))).facts;
    const changed = await world.rule(role, "Camera.View", { effect: "deny" });
    const after = (await explained(question(person, "Camera.View", { minRevision: changed.headers["x-gatehouse-revision"] }))).facts;
    expect(after).not.toEqual(before);
  });

  it("allowed by a role: which one, and its condition with the values that it compared", async () => {
    const condition = compare("$request.floor", "equals", 3);
    const role = await world.roleWith("Camera.View", { condition });
    const person = await world.person(role);
    const why = await explained(question(person, "Camera.View", { contextData: { floor: 3 } }));
    expect(why).toMatchObject({ isAuthorized: true, part: "role", changes: [] });
    const [step] = stepsOf(why, "role");
    expect(step).toMatchObject({ outcome: "passed", effect: "allow", role: { id: role } });
    expect(step.condition).toMatchObject({ outcome: "true", values: { "$request.floor": 3 } });
  });

  it("allowed by a grant: the way over the relations, with the relationship itself", async () => {
    const person = await world.person();
    const [one, zone] = [camera(), `Zone:${unique()}`];
    await world.granted(one, "zone", zone);
    await world.granted(zone, "guard", `user:${person.id}`);
    const why = await explained(question(person, "Camera.View", on(one)));
    expect(why).toMatchObject({ isAuthorized: true, part: "grant" });
    const text = JSON.stringify(stepsOf(why, "grant"));
    expect(text).toContain(on(zone).resourceId);
    expect(text).toContain('"guard"');
  });

  it("denied for every other reason has its part", async () => {
    const member = await world.person();
    const strong = await world.person(await world.role(["vault", "video", "seat", "Camera.View"]));
    const conditional = await world.person(await world.roleWith("Camera.View", { condition: compare("$request.a", "equals", "b") }));
    const denied = await world.person(await world.role(["Camera"]), await world.roleWith("Camera.View", { effect: "deny" }));
    const banned = camera();
    await world.granted(banned, "banned", `user:${strong.id}`);
    await world.setEntitlements({ video: false, seats: 1 });
    const cases: [AnyBody, string, string][] = [
      [question(world.nonMember, "Camera.View"), "membership", "not_a_member"],
      [question(member, "Camera.View"), "permission", "missing_permission"],
      [question(conditional, "Camera.View", { contextData: { a: "c" } }), "condition", "condition"],
      [question(denied, "Camera.View"), "permission", "explicit_deny"],
      [question(strong, "Camera.View", on(banned)), "permission", "explicit_deny"],
      [question(strong, "Camera.View", { scopes: ["video"] }), "key_scope", "key_scope"],
      [question(strong, "vault", { sessionData: { methods: ["pwd"] } }), "session_strength", "session_strength"],
      [question(strong, "video"), "entitlement", "entitlement"],
      [question(strong, "seat", { contextData: { count: 1 } }), "entitlement", "entitlement"],
    ];
    for (const [asked, part, reasonCode] of cases) {
      const why = await explained(asked);
      expect(why, JSON.stringify(why)).toMatchObject({ isAuthorized: false, reasonCode });
      expect(why.part, reasonCode).toBe(part);
      expect(why.reason).toBe((await checked(asked)).reason);
      expect(why.changes.length, reasonCode).toBeGreaterThan(0);
    }
    expectError(await explain(question(conditional, "Camera.View")), 400, "common.validation_failed", "$request.a");
    expectError(await explain(question(member, "Nobody.Defined")), 400, "access.unknown_permission", "actionType");
  });
});

/** Makes a proposed change through the API, as somebody who holds the permission that it names; the question as it is then. */
async function make(change: AnyBody, asked: AnyBody): Promise<AnyBody> {
  const { organization } = world;
  const actor = change.by.scope === "Internal" ? world.administrator : world.owner;
  const tenantId = change.by.scope === "Internal" ? null : organization.id;
  if (change.by.permission !== null) {
    const held = { userId: actor.id, tenantId, actionType: change.by.permission };
    expect((await checked(held)).isAuthorized, `${change.kind} by a holder of ${change.by.permission}`).toBe(true);
    if (change.by.scope === "Organization") expect(change.by.roles).toContain("Owner");
  }
  const send = async (route: string, body?: unknown) => {
    const answer = await world.send(route, actor.token, body);
    expect(answer.status, `${change.kind}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
  };
  const person = { id: asked.userId } as Person;
  const memberships = `organizations/${organization.id}/memberships`;
  const rolesNow = async (): Promise<string[]> => {
    const { body } = await world.send(`GET ${memberships}?limit=100`, world.owner.token);
    return body.items.find(({ userId }: AnyBody) => userId === person.id).roles.map(({ id }: AnyBody) => id);
  };
  switch (change.kind) {
    case "give_role":
      await send(`PUT ${memberships}/${await world.membershipOf(person)}`, { roleIds: [...(await rolesNow()), change.roleId] });
      return asked;
    case "take_role": {
      const roleIds = (await rolesNow()).filter((id) => id !== change.roleId);
      await send(`PUT ${memberships}/${await world.membershipOf(person)}`, { roleIds });
      return asked;
    }
    case "add_permission":
      await send(`POST roles/${change.roleId}/permissions`, { permissions: [change.permission] });
      return asked;
    case "add_relationship": {
      const { resource, relation, subject } = change;
      await send("POST grants", { organizationId: organization.id, resource, relation, subject });
      return asked;
    }
    case "remove_relationship": {
      const { resource, relation, subject } = change.relationship;
      const where = `resourceType=${resource.type}&resourceId=${resource.id}&relation=${relation}&subjectId=${subject.id}`;
      const { body } = await world.send(`GET grants?organizationId=${organization.id}&${where}`, actor.token);
      expect(body.items).toHaveLength(1);
      await send(`DELETE grants/${body.items[0].id}`);
      return asked;
    }
    case "activate_user": {
      const answer = await world.server.call(`PATCH /api/v1/users/${person.id}`, { token: actor.token, body: { status: "Active" } });
      expectWritten(answer, 200);
      return asked;
    }
    case "activate_tenant":
      await send(`PUT organizations/${organization.id}`, { status: "Active" });
      return asked;
    case "entitlement": {
      const { body } = await world.send(`GET organizations/${organization.id}/entitlements`, actor.token);
      const value = change.needs === "feature" ? true : change.above + 1;
      await send(`PUT organizations/${organization.id}/entitlements`, { entitlements: { ...body.entitlements, [change.name]: value } });
      return asked;
    }
    case "widen_scopes":
      return { ...asked, scopes: [...asked.scopes, change.permission] };
    case "stronger_session":
      return { ...asked, sessionData: { methods: change.rules.flatMap(({ anyMethod = [] }: AnyBody) => anyMethod) } };
    default:
      throw new Error(`nobody has said how to make a change of the kind ${change.kind}`);
  }
}

/** Every set of changes is made in a situation of its own, and then the check allows; before it the check denies. */
async function expectProposalsWork(situation: () => Promise<AnyBody>, kinds: readonly string[]): Promise<void> {
  const seen = new Set<string>();
  const sets = (await explained(await situation())).changes.length;
  expect(sets).toBeGreaterThan(0);
  // From the last on: a permission for a role, once made, is one more role to give.
  for (let index = sets - 1; index >= 0; index -= 1) {
    const asked = await situation();
    const set = (await explained(asked)).changes[index];
    let next = asked;
    for (const change of set) {
      expect((await checked(next)).isAuthorized, `before ${change.kind}`).toBe(false);
      seen.add(change.kind);
      next = await make(change, next);
    }
    const after = await checked(next);
    expect(after.isAuthorized, `${JSON.stringify(set)}: ${after.reason}`).toBe(true);
  }
  expect([...seen].sort()).toEqual([...kinds].sort());
}

describe("the changes that an explanation proposes are enough, each set by itself", () => {
  it("for a missing permission: another role, the permission for a role that they have, a relation to the resource or its zone", async () => {
    await expectProposalsWork(async () => {
      const [person, one] = [await world.person(), camera()];
      await world.granted(one, "zone", `Zone:${unique()}`);
      return question(person, "Camera.View", on(one));
    }, ["add_permission", "add_relationship", "give_role"]);
  }, 60_000);

  it("are all told at the first asking, when nothing of the resource is in memory", async () => {
    const person = await world.person();
    for (let round = 0; round < 3; round += 1) {
      const asked = question(person, "Camera.View", on(camera()));
      const first = await explained(asked);
      expect(new Set(kindsOf(first).flat())).toEqual(new Set(["add_permission", "add_relationship", "give_role"]));
      expect((await explained(asked)).changes).toEqual(first.changes);
    }
  });

  it("names only roles that hold what the change gives: an admin gives no owner, and nobody sends to who would be refused", async () => {
    const { Owner, Admin } = world.roles as { Owner: string; Admin: string };
    const giver = await world.role(["Organization.ChangeMemberRole", "Camera.View"]);
    const lesser = await world.role(["Organization.ChangeMemberRole"]);
    const gives = await world.role(["Camera.View"]);
    const nameOf = async (id: string) => (await world.send(`GET roles/${id}`, world.owner.token)).body.name;
    const [giverName, lesserName] = [await nameOf(giver), await nameOf(lesser)];
    const makers = async (asked: AnyBody, roleId: string): Promise<readonly string[]> =>
      (await explained(asked)).changes.flat().find((change: AnyBody) => change.kind === "give_role" && change.roleId === roleId)?.by.roles;
    const person = await world.person();
    const asked = question(person, "Camera.View");
    expect(await makers(asked, Owner)).toEqual(["Owner"]);
    expect(await makers(asked, Admin)).toEqual(expect.arrayContaining(["Admin", "Owner"]));
    expect(await makers(asked, Admin)).not.toContain(giverName);
    expect(await makers(asked, gives)).toEqual(expect.arrayContaining(["Admin", "Owner", giverName]));
    expect(await makers(asked, gives)).not.toContain(lesserName);
    // Each that is named does it, and each that is not is refused.
    const membership = `PUT organizations/${world.organization.id}/memberships/${await world.membershipOf(person)}`;
    const { body } = await world.send(`GET organizations/${world.organization.id}/memberships?limit=100`, world.owner.token);
    const now = body.items.find(({ userId }: AnyBody) => userId === person.id).roles.map(({ id }: AnyBody) => id);
    const give = (token: string, roleId: string) => world.send(membership, token, { roleIds: [...now, roleId] });
    expectError(await give(world.admin.token, Owner), 403, "access.permission_not_held");
    expectError(await give((await world.person(giver)).token, Admin), 403, "access.permission_not_held");
    expectError(await give((await world.person(lesser)).token, gives), 403, "access.permission_not_held");
    expectWritten(await give((await world.person(giver)).token, gives), 200);
    // Of whom holds more than the changer, nothing is changed.
    const above = await world.person(await world.role(["Organization.ManageAttributes"]));
    expect(await makers(question(above, "Camera.View"), gives)).not.toContain(giverName);
  });

  it("names whoever may add a permission, and whoever may end a ban, by what they hold", async () => {
    const manager = await world.role(["Organization.ManageRoles"]);
    const keeps = await world.role(["Organization.ManageRoles", "Camera.View"]);
    const nameOf = async (id: string) => (await world.send(`GET roles/${id}`, world.owner.token)).body.name;
    const person = await world.person(await world.role());
    const changes = (await explained(question(person, "Camera.View"))).changes.flat();
    const add = changes.find(({ kind }: AnyBody) => kind === "add_permission");
    expect(add.by.roles).toEqual(expect.arrayContaining(["Owner", await nameOf(keeps)]));
    expect(add.by.roles).not.toContain(await nameOf(manager));
  });

  it("comes in the order of how little it gives: one resource, a role of one permission, a role of more, the owner's last", async () => {
    const one = await world.role(["Camera.View"]);
    const three = await world.role(["Camera.View", "Camera.Delete", "video"]);
    const person = await world.person();
    const { changes } = await explained(question(person, "Camera.View", on(camera())));
    const order = changes.map(([first]: AnyBody[]) => (first.kind === "give_role" ? first.roleId : first.kind));
    const places = ["add_relationship", one, three, world.roles["Admin"], world.roles["Owner"]].map((each) => order.indexOf(each));
    expect(places, JSON.stringify(order)).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  it("for somebody who does not belong: to be invited with a role", async () => {
    const person = await newPerson(world.server);
    const why = await explained(question(person, "Camera.View"));
    expect(new Set(kindsOf(why).flat())).toEqual(new Set(["give_role"]));
    const [[change]] = why.changes;
    expect(change.by.permission).toBe("Organization.InviteMember");
    await joinAs(world.server, world.organization, person, change.roleId);
    expect((await checked(question(person, "Camera.View"))).isAuthorized).toBe(true);
  });

  it("for a role that denies, alone and with another thing that stands in the way", async () => {
    const ban = await world.roleWith("video", { effect: "deny" });
    const allow = await world.role(["video"]);
    await expectProposalsWork(async () => {
      await world.setEntitlements({ video: true });
      return question(await world.person(allow, ban), "video");
    }, ["take_role"]);
    await expectProposalsWork(async () => {
      await world.setEntitlements({ video: false });
      return question(await world.person(allow, ban), "video");
    }, ["entitlement", "take_role"]);
  });

  it("for a relation that denies: every ban that counts, and only those", async () => {
    const allow = await world.role(["Camera.View"]);
    await expectProposalsWork(async () => {
      const [person, one, group] = [await world.person(allow), camera(), `Group:${unique()}`];
      await world.granted(one, "banned", `user:${person.id}`);
      await world.granted(one, "banned", `${group}#member`);
      await world.granted(group, "member", `user:${person.id}`);
      return question(person, "Camera.View", on(one));
    }, ["remove_relationship"]);
  });

  it("for a suspended user and a suspended organization", async () => {
    const allow = await world.role(["Camera.View"]);
    const suspended = async () => {
      const person = await world.person(allow);
      const body = { status: "Suspended" };
      expectWritten(await world.server.call(`PATCH /api/v1/users/${person.id}`, { token: world.administrator.token, body }), 200);
      return person;
    };
    await expectProposalsWork(async () => question(await suspended(), "Camera.View"), ["activate_user"]);
    const person = await suspended();
    expectWritten(await world.send(`PUT organizations/${world.organization.id}`, world.administrator.token, { status: "Suspended" }), 200);
    const why = await explained(question(person, "Camera.View"));
    expect(kindsOf(why)).toEqual([["activate_user", "activate_tenant"]]);
    for (const change of why.changes[0]) await make(change, question(person, "Camera.View"));
    expect((await checked(question(person, "Camera.View"))).isAuthorized).toBe(true);
  });

  it("for a plan, a credential and a session that are not enough", async () => {
    const allow = await world.role(["vault", "video", "seat"]);
    const asking = (action: string, more: Fields) => async () => {
      await world.setEntitlements({ video: false, seats: 1 });
      return question(await world.person(allow), action, more);
    };
    await expectProposalsWork(asking("video", {}), ["entitlement"]);
    await expectProposalsWork(asking("seat", { contextData: { count: 7 } }), ["entitlement"]);
    await expectProposalsWork(asking("vault", { sessionData: { methods: ["pwd"] } }), ["stronger_session"]);
    await expectProposalsWork(asking("vault", { sessionData: { methods: ["pwd"] }, scopes: ["seat"] }), [
      "stronger_session",
      "widen_scopes",
    ]);
  });

  it("for a condition: its values are told, and with others it holds", async () => {
    const role = await world.roleWith("Camera.Delete", { condition: compare("$user.team", "equals", "red") });
    const person = await world.person(role);
    await world.setAttributes(person, { team: "blue" });
    const why = await explained(question(person, "Camera.Delete"));
    const change = why.changes.flat().find(({ kind }: AnyBody) => kind === "meet_condition");
    expect(change).toMatchObject({ roleId: role, condition: { values: { "$user.team": "blue" } } });
    expect(change.by).toMatchObject({ permission: "Organization.ManageAttributes", scope: "Organization" });
    await world.setAttributes(person, { team: "red" });
    expect((await checked(question(person, "Camera.Delete"))).isAuthorized).toBe(true);
  });
});

describe("who may ask why", () => {
  const bare = (body: AnyBody) => JSON.parse(JSON.stringify({ ...body, revision: "" }));

  it("everybody about themselves, and about others the holders of Organization.CheckAccess or Authorization.Check", async () => {
    const person = await world.person();
    await explained(question(person, "Camera.View"), person.token);
    await explained(question(person, "Camera.View"), world.owner.token);
    await explained(question(person, "Camera.View"), world.administrator.token);
    const ask = (token: string) => withoutTrace(world.server, () => explain(question(person, "Camera.View"), token));
    expectError(await ask(world.member.token), 403, "auth.permission_denied");
    expectError(await ask(world.nonMember.token), 404, "access.member_not_found");
    expectError(await ask((await newOrganization(world.server)).owner.token), 404, "access.member_not_found");
  });

  it("a non-member learns about themselves what an unknown organization would answer", async () => {
    for (const action of ["Camera.View", "video", "Organization.Update"]) {
      const ask = (tenantId: string | null) => explained({ ...question(world.nonMember, action), tenantId }, world.nonMember.token);
      const here = bare(await ask(world.organization.id));
      expect(here).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member", facts: [], changes: [] });
      expect(here.steps).toEqual([{ part: "membership", outcome: "failed", roles: [] }]);
      expect(bare(await ask(unknownId))).toEqual(here);
      // The internal scope and its roles are as hidden.
      expect(bare(await ask(null))).toEqual(here);
    }
  });

  it("an organization learns of a user elsewhere what it would of a user who is not there", async () => {
    const other: OrganizationOf = await newOrganization(world.server);
    const suspended = await newPerson(world.server);
    const body = { status: "Suspended" };
    expectWritten(await world.server.call(`PATCH /api/v1/users/${suspended.id}`, { token: world.administrator.token, body }), 200);
    const about = async (id: string) =>
      JSON.parse(
        JSON.stringify(bare(await explained({ ...question(world.owner, "Camera.View"), userId: id }, world.owner.token))).replaceAll(
          id,
          "<id>",
        ),
      );
    const unknown = await about(unknownId);
    expect(new Set(kindsOf(unknown).flat())).toEqual(new Set(["give_role"]));
    for (const id of [other.owner.id, suspended.id, world.administrator.id]) expect(await about(id)).toEqual(unknown);
  });
});
