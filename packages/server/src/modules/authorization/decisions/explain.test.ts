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
  it("has the result of the check, the deciding step, and the facts with their revisions", async () => {
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

  it("of access by a role has the role, and its condition with the compared values", async () => {
    const condition = compare("$request.floor", "equals", 3);
    const role = await world.roleWith("Camera.View", { condition });
    const person = await world.person(role);
    const why = await explained(question(person, "Camera.View", { contextData: { floor: 3 } }));
    expect(why).toMatchObject({ isAuthorized: true, part: "role", changes: [] });
    const [step] = stepsOf(why, "role");
    expect(step).toMatchObject({ outcome: "passed", effect: "allow", role: { id: role } });
    expect(step.condition).toMatchObject({ outcome: "true", values: { "$request.floor": 3 } });
  });

  it("of access by a grant has the path of relations, with the relationship itself", async () => {
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

  it("of a denial has the deciding step for every reason", async () => {
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
    for (const [request, part, reasonCode] of cases) {
      const why = await explained(request);
      expect(why, JSON.stringify(why)).toMatchObject({ isAuthorized: false, reasonCode });
      expect(why.part, reasonCode).toBe(part);
      expect(why.reason).toBe((await checked(request)).reason);
      expect(why.changes.length, reasonCode).toBeGreaterThan(0);
    }
    expectError(await explain(question(conditional, "Camera.View")), 400, "common.validation_failed", "$request.a");
    expectError(await explain(question(member, "Nobody.Defined")), 400, "access.unknown_permission", "actionType");
  });
});

/** Makes a proposed change through the API, as a holder of its permission. Returns the check as it is then. */
async function make(change: AnyBody, request: AnyBody): Promise<AnyBody> {
  const { organization } = world;
  const actor = change.by.scope === "Internal" ? world.administrator : world.owner;
  const tenantId = change.by.scope === "Internal" ? null : organization.id;
  if (change.by.permission !== null) {
    const authorityCheck = { userId: actor.id, tenantId, actionType: change.by.permission };
    expect((await checked(authorityCheck)).isAuthorized, `${change.kind} by a holder of ${change.by.permission}`).toBe(true);
    if (change.by.scope === "Organization") expect(change.by.roles).toContain("Owner");
  }
  const send = async (route: string, body?: unknown) => {
    const answer = await world.send(route, actor.token, body);
    expect(answer.status, `${change.kind}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
  };
  const person = { id: request.userId } as Person;
  const memberships = `organizations/${organization.id}/memberships`;
  const rolesNow = async (): Promise<string[]> => {
    const { body } = await world.send(`GET ${memberships}?limit=100`, world.owner.token);
    return body.items.find(({ userId }: AnyBody) => userId === person.id).roles.map(({ id }: AnyBody) => id);
  };
  switch (change.kind) {
    case "give_role":
      await send(`PUT ${memberships}/${await world.membershipOf(person)}`, { roleIds: [...(await rolesNow()), change.roleId] });
      return request;
    case "take_role": {
      const roleIds = (await rolesNow()).filter((id) => id !== change.roleId);
      await send(`PUT ${memberships}/${await world.membershipOf(person)}`, { roleIds });
      return request;
    }
    case "add_permission":
      await send(`POST roles/${change.roleId}/permissions`, { permissions: [change.permission] });
      return request;
    case "add_relationship": {
      const { resource, relation, subject } = change;
      await send("POST grants", { organizationId: organization.id, resource, relation, subject });
      return request;
    }
    case "remove_relationship": {
      const { resource, relation, subject } = change.relationship;
      const where = `resourceType=${resource.type}&resourceId=${resource.id}&relation=${relation}&subjectId=${subject.id}`;
      const { body } = await world.send(`GET grants?organizationId=${organization.id}&${where}`, actor.token);
      expect(body.items).toHaveLength(1);
      await send(`DELETE grants/${body.items[0].id}`);
      return request;
    }
    case "activate_user": {
      const answer = await world.server.call(`PATCH /api/v1/users/${person.id}`, { token: actor.token, body: { status: "Active" } });
      expectWritten(answer, 200);
      return request;
    }
    case "activate_tenant":
      await send(`PUT organizations/${organization.id}`, { status: "Active" });
      return request;
    case "entitlement": {
      const { body } = await world.send(`GET organizations/${organization.id}/entitlements`, actor.token);
      const value = change.needs === "feature" ? true : change.above + 1;
      await send(`PUT organizations/${organization.id}/entitlements`, { entitlements: { ...body.entitlements, [change.name]: value } });
      return request;
    }
    case "widen_scopes":
      return { ...request, scopes: [...request.scopes, change.permission] };
    case "stronger_session":
      return { ...request, sessionData: { methods: change.rules.flatMap(({ anyMethod = [] }: AnyBody) => anyMethod) } };
    default:
      throw new Error(`this test cannot make a change of the kind ${change.kind}`);
  }
}

/** Makes each set of changes in its own fixture: the check is denied before and allowed afterwards. */
async function expectProposalsWork(situation: () => Promise<AnyBody>, kinds: readonly string[]): Promise<void> {
  const seen = new Set<string>();
  const sets = (await explained(await situation())).changes.length;
  expect(sets).toBeGreaterThan(0);
  // From the last to the first: an added permission makes its role one more role to assign.
  for (let index = sets - 1; index >= 0; index -= 1) {
    const request = await situation();
    const set = (await explained(request)).changes[index];
    let next = request;
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

describe("each set of changes that an explanation proposes is sufficient", () => {
  it("for a missing permission: another role, the permission for one of the user's roles, or a relation to the resource or its parent", async () => {
    await expectProposalsWork(async () => {
      const [person, one] = [await world.person(), camera()];
      await world.granted(one, "zone", `Zone:${unique()}`);
      return question(person, "Camera.View", on(one));
    }, ["add_permission", "add_relationship", "give_role"]);
  }, 60_000);

  it("and complete in the first response, when no relationship of the resource is cached", async () => {
    const person = await world.person();
    for (let round = 0; round < 3; round += 1) {
      const request = question(person, "Camera.View", on(camera()));
      const first = await explained(request);
      expect(new Set(kindsOf(first).flat())).toEqual(new Set(["add_permission", "add_relationship", "give_role"]));
      expect((await explained(request)).changes).toEqual(first.changes);
    }
  });

  it("and names only roles that may make the change: an Admin cannot assign Owner", async () => {
    const { Owner, Admin } = world.roles as { Owner: string; Admin: string };
    const giver = await world.role(["Organization.ChangeMemberRole", "Camera.View"]);
    const lesser = await world.role(["Organization.ChangeMemberRole"]);
    const gives = await world.role(["Camera.View"]);
    const nameOf = async (id: string) => (await world.send(`GET roles/${id}`, world.owner.token)).body.name;
    const [giverName, lesserName] = [await nameOf(giver), await nameOf(lesser)];
    const makers = async (request: AnyBody, roleId: string): Promise<readonly string[]> =>
      (await explained(request)).changes.flat().find((change: AnyBody) => change.kind === "give_role" && change.roleId === roleId)?.by
        .roles;
    const person = await world.person();
    const request = question(person, "Camera.View");
    expect(await makers(request, Owner)).toEqual(["Owner"]);
    expect(await makers(request, Admin)).toEqual(expect.arrayContaining(["Admin", "Owner"]));
    expect(await makers(request, Admin)).not.toContain(giverName);
    expect(await makers(request, gives)).toEqual(expect.arrayContaining(["Admin", "Owner", giverName]));
    expect(await makers(request, gives)).not.toContain(lesserName);
    // Every named role succeeds, and every other role is refused.
    const membership = `PUT organizations/${world.organization.id}/memberships/${await world.membershipOf(person)}`;
    const { body } = await world.send(`GET organizations/${world.organization.id}/memberships?limit=100`, world.owner.token);
    const now = body.items.find(({ userId }: AnyBody) => userId === person.id).roles.map(({ id }: AnyBody) => id);
    const give = (token: string, roleId: string) => world.send(membership, token, { roleIds: [...now, roleId] });
    expectError(await give(world.admin.token, Owner), 403, "access.permission_not_held");
    expectError(await give((await world.person(giver)).token, Admin), 403, "access.permission_not_held");
    expectError(await give((await world.person(lesser)).token, gives), 403, "access.permission_not_held");
    expectWritten(await give((await world.person(giver)).token, gives), 200);
    // A user with more permissions than the caller is not changed.
    const above = await world.person(await world.role(["Organization.ManageAttributes"]));
    expect(await makers(question(above, "Camera.View"), gives)).not.toContain(giverName);
  });

  it("and names the roles that may add a permission or revoke a ban, by the delegation check", async () => {
    const manager = await world.role(["Organization.ManageRoles"]);
    const holder = await world.role(["Organization.ManageRoles", "Camera.View"]);
    const nameOf = async (id: string) => (await world.send(`GET roles/${id}`, world.owner.token)).body.name;
    const person = await world.person(await world.role());
    const changes = (await explained(question(person, "Camera.View"))).changes.flat();
    const add = changes.find(({ kind }: AnyBody) => kind === "add_permission");
    expect(add.by.roles).toEqual(expect.arrayContaining(["Owner", await nameOf(holder)]));
    expect(add.by.roles).not.toContain(await nameOf(manager));
  });

  it("and sorted by least privilege: one resource, a role with one permission, a role with more, Owner last", async () => {
    const one = await world.role(["Camera.View"]);
    const three = await world.role(["Camera.View", "Camera.Delete", "video"]);
    const person = await world.person();
    const { changes } = await explained(question(person, "Camera.View", on(camera())));
    const order = changes.map(([first]: AnyBody[]) => (first.kind === "give_role" ? first.roleId : first.kind));
    const positions = ["add_relationship", one, three, world.roles["Admin"], world.roles["Owner"]].map((each) => order.indexOf(each));
    expect(positions, JSON.stringify(order)).toEqual([...positions].sort((a, b) => a - b));
    expect(positions).not.toContain(-1);
  });

  it("for a non-member: an invitation with a role", async () => {
    const person = await newPerson(world.server);
    const why = await explained(question(person, "Camera.View"));
    expect(new Set(kindsOf(why).flat())).toEqual(new Set(["give_role"]));
    const [[change]] = why.changes;
    expect(change.by.permission).toBe("Organization.InviteMember");
    await joinAs(world.server, world.organization, person, change.roleId);
    expect((await checked(question(person, "Camera.View"))).isAuthorized).toBe(true);
  });

  it("for a role that denies, alone and together with another obstacle", async () => {
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

  it("for a relation that denies: every effective ban, and only those", async () => {
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

  it("for an insufficient plan, credential or session", async () => {
    const allow = await world.role(["vault", "video", "seat"]);
    const situationFor = (action: string, more: Fields) => async () => {
      await world.setEntitlements({ video: false, seats: 1 });
      return question(await world.person(allow), action, more);
    };
    await expectProposalsWork(situationFor("video", {}), ["entitlement"]);
    await expectProposalsWork(situationFor("seat", { contextData: { count: 7 } }), ["entitlement"]);
    await expectProposalsWork(situationFor("vault", { sessionData: { methods: ["pwd"] } }), ["stronger_session"]);
    await expectProposalsWork(situationFor("vault", { sessionData: { methods: ["pwd"] }, scopes: ["seat"] }), [
      "stronger_session",
      "widen_scopes",
    ]);
  });

  it("for a condition: its values are returned, and it is true with others", async () => {
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

describe("authorization of explanations", () => {
  const bare = (body: AnyBody) => JSON.parse(JSON.stringify({ ...body, revision: "" }));

  it("allows every caller themselves, and others with Organization.CheckAccess or Authorization.Check", async () => {
    const person = await world.person();
    await explained(question(person, "Camera.View"), person.token);
    await explained(question(person, "Camera.View"), world.owner.token);
    await explained(question(person, "Camera.View"), world.administrator.token);
    const ask = (token: string) => withoutTrace(world.server, () => explain(question(person, "Camera.View"), token));
    expectError(await ask(world.member.token), 403, "auth.permission_denied");
    expectError(await ask(world.nonMember.token), 404, "access.member_not_found");
    expectError(await ask((await newOrganization(world.server)).owner.token), 404, "access.member_not_found");
  });

  it("returns to a non-member about themselves the response of an unknown organization", async () => {
    for (const action of ["Camera.View", "video", "Organization.Update"]) {
      const ask = (tenantId: string | null) => explained({ ...question(world.nonMember, action), tenantId }, world.nonMember.token);
      const here = bare(await ask(world.organization.id));
      expect(here).toMatchObject({ isAuthorized: false, reasonCode: "not_a_member", facts: [], changes: [] });
      expect(here.steps).toEqual([{ part: "membership", outcome: "failed", roles: [] }]);
      expect(bare(await ask(unknownId))).toEqual(here);
      // The internal scope and its roles are hidden as well.
      expect(bare(await ask(null))).toEqual(here);
    }
  });

  it("returns to an organization about a user elsewhere the response for an unknown user", async () => {
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
