import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { installCameras } from "@gatehouse/testing/cameras.ts";
import { joinAs, newOrganization, type OrganizationOf, type Person, unique, unknownId } from "@gatehouse/testing/people.ts";
import { compare, refOf } from "@gatehouse/testing/references.ts";
import { type Answer, type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["member", "nonMember"]);
let person: Person;
let other: OrganizationOf;
beforeAll(async () => {
  await installCameras(world);
  person = await world.person();
  other = await newOrganization(world.server);
});

const camera = () => `Camera:${unique()}`;
const view = (who: Person, resource: string, more = {}) => world.mayOn(who, "Camera.View", resource, more);
const list = (query: string, token = world.owner.token): Promise<Answer<AnyBody>> =>
  world.send(`GET grants?organizationId=${world.organization.id}${query}`, token);
const change = (id: string, body: Readonly<Record<string, unknown>>, token = world.owner.token, headers = {}) =>
  world.send(`PUT grants/${id}`, token, { condition: null, expiresAt: null, ...body }, headers);
const revoke = (id: string, token = world.owner.token, headers = {}) => world.send(`DELETE grants/${id}`, token, undefined, headers);
const revokeAll = (body: Readonly<Record<string, unknown>>, token = world.owner.token) =>
  world.send("POST grants/revoke", token, { organizationId: world.organization.id, ...body });
const remove = async (who: Person) =>
  world.send(`DELETE organizations/${world.organization.id}/memberships/${await world.membershipOf(who)}`, world.owner.token);
const secondsAhead = (seconds: number) => new Date(world.server.clock.now() + seconds * 1_000).toISOString();

describe("a grant allows what its relation allows, on its resource only", () => {
  it("to a user, from its creation until its revocation", async () => {
    const [one, another] = [camera(), camera()];
    const answer = await world.grant(one, "viewer", `user:${person.id}`);
    expectWritten(answer, 201);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[\da-f-]{36}$/),
      organizationId: world.organization.id,
      resource: refOf(one),
      relation: "viewer",
      subject: { type: "user", id: person.id },
      condition: null,
      expiresAt: null,
      isExpired: false,
      grantedBy: world.owner.id,
      grantedAt: expect.stringMatching(/Z$/),
      version: 1,
    });
    expect(answer.headers["etag"]).toBe('"1"');
    expect(await world.decide(person, "Camera.View", { resourceType: "Camera", resourceId: refOf(one).id })).toMatchObject({
      isAuthorized: true,
      reasonCode: "grant",
      reason: "Allowed by a relation to the resource",
    });
    expect(await view(person, another)).toBe(false);
    expect(await world.mayOn(person, "Camera.Edit", one)).toBe(false);
    expect(await world.may(person, "Camera.View")).toBe(false);
    expect(await view(world.member, one)).toBe(false);
    expectWritten(await revoke(answer.body.id), 204);
    expect(await view(person, one)).toBe(false);
    expectError(await world.send(`GET grants/${answer.body.id}`, world.owner.token), 404, "access.grant_not_found");
  });

  it("to user:*, which is every member and no one else", async () => {
    const one = camera();
    await world.granted(one, "viewer", "user:*");
    expect(await view(person, one)).toBe(true);
    expect(await view(world.member, one)).toBe(true);
    expect(await view(world.nonMember, one)).toBe(false);
    expect(await view(other.owner, one)).toBe(false);
  });

  it("to a role: to each user while they have the role", async () => {
    const [one, role] = [camera(), await world.role()];
    const holder = await world.person(role);
    await world.granted(one, "viewer", `role:${role}`);
    expect(await view(holder, one)).toBe(true);
    expect(await view(person, one)).toBe(false);
    const at = `PUT organizations/${world.organization.id}/memberships/${await world.membershipOf(holder)}`;
    expectWritten(await world.send(at, world.owner.token, { roleId: await world.role() }), 200);
    expect(await view(holder, one)).toBe(false);
  });

  it("to a group: to its members and those of nested groups, until they leave", async () => {
    const [one, outer, inner] = [camera(), `Group:${unique()}`, `Group:${unique()}`];
    await world.granted(one, "viewer", `${outer}#member`);
    await world.granted(outer, "member", `${inner}#member`);
    expect(await view(person, one)).toBe(false);
    const membership = await world.granted(inner, "member", `user:${person.id}`);
    expect(await view(person, one)).toBe(true);
    expectWritten(await revoke(membership.id), 204);
    expect(await view(person, one)).toBe(false);
  });

  it("on a parent resource: on each child while it is a child", async () => {
    const [one, outside, zone] = [camera(), camera(), `Zone:${unique()}`];
    await world.granted(zone, "guard", `user:${person.id}`);
    const placed = await world.granted(one, "zone", zone);
    expect(await view(person, one)).toBe(true);
    expect(await view(person, outside)).toBe(false);
    expect(await world.mayOn(person, "Camera.Edit", one)).toBe(false);
    expectWritten(await revoke(placed.id), 204);
    expect(await view(person, one)).toBe(false);
  });

  it("unless a ban overrides it, directly or by a group, and overrides a role as well", async () => {
    const [one, group] = [camera(), `Group:${unique()}`];
    const everywhere = await world.person(await world.role(["Camera.View"]));
    await world.granted(one, "editor", `user:${everywhere.id}`);
    expect(await view(everywhere, one)).toBe(true);
    await world.granted(group, "member", `user:${everywhere.id}`);
    const ban = await world.granted(one, "banned", `${group}#member`);
    expect(await world.decide(everywhere, "Camera.View", { resourceType: "Camera", resourceId: refOf(one).id })).toMatchObject({
      isAuthorized: false,
      reasonCode: "explicit_deny",
    });
    expect(await view(everywhere, camera())).toBe(true);
    expectWritten(await revoke(ban.id), 204);
    expect(await view(everywhere, one)).toBe(true);
  });

  it("with effect on the next check, for thirty grants and revocations in a row", async () => {
    const one = camera();
    for (let round = 0; round < 30; round += 1) {
      const { id } = await world.granted(one, "viewer", `user:${person.id}`);
      expect(await view(person, one), `given in round ${round}`).toBe(true);
      const revoked = await revoke(id);
      const more = round % 2 ? { minRevision: revoked.headers["x-gatehouse-revision"] } : {};
      expect(await view(person, one, more), `revoked in round ${round}`).toBe(false);
    }
  });

  it("and has no effect in another organization with the same resource id and the same member", async () => {
    const one = camera();
    const role = await world.role([], other);
    await joinAs(world.server, other, person, role);
    await world.granted(one, "viewer", `user:${person.id}`);
    expect(await view(person, one)).toBe(true);
    expect(await view(person, one, { tenantId: other.id })).toBe(false);
    expect(await view(person, one, { tenantId: null })).toBe(false);
    const theirs = await world.grant(one, "viewer", `user:${person.id}`, { organizationId: other.id }, other.owner.token);
    expectWritten(theirs, 201);
    expect(await view(person, one, { tenantId: other.id })).toBe(true);
    expectWritten(await revokeAll({ resource: refOf(one) }), 200);
    expect(await view(person, one)).toBe(false);
    expect(await view(person, one, { tenantId: other.id })).toBe(true);
  });
});

describe("a grant with an expiry", () => {
  it("expires by the server's clock, whether or not it was checked before", async () => {
    const [checked, unchecked] = [camera(), camera()];
    for (const one of [checked, unchecked]) await world.granted(one, "viewer", `user:${person.id}`, { expiresAt: secondsAhead(60) });
    expect(await view(person, checked)).toBe(true);
    world.server.clock.advance(55);
    expect(await view(person, checked)).toBe(true);
    world.server.clock.advance(6);
    expect(await view(person, checked)).toBe(false);
    expect(await view(person, unchecked)).toBe(false);
    const { body } = await list(`&resourceType=Camera&resourceId=${refOf(checked).id}`);
    expect(body.items).toHaveLength(1);
  });

  it("expires in indirect relations as well: group membership, parent resource, ban", async () => {
    const [one, two, three, group, zone] = [camera(), camera(), camera(), `Group:${unique()}`, `Zone:${unique()}`];
    const end = { expiresAt: secondsAhead(60) };
    await world.granted(one, "viewer", `${group}#member`);
    await world.granted(group, "member", `user:${person.id}`, end);
    await world.granted(two, "zone", zone, end);
    await world.granted(zone, "guard", `user:${person.id}`);
    await world.granted(three, "viewer", `user:${person.id}`);
    await world.granted(three, "banned", `user:${person.id}`, end);
    const seen = () => Promise.all([one, two, three].map((each) => view(person, each)));
    expect(await seen()).toEqual([true, true, false]);
    world.server.clock.advance(61);
    expect(await seen()).toEqual([false, false, true]);
  });

  it("cannot have an expiry in the past, and an expired grant can be renewed or granted again", async () => {
    const one = camera();
    const late = () => world.grant(one, "viewer", `user:${person.id}`, { expiresAt: secondsAhead(-1) });
    expectError(await withoutTrace(world.server, late), 400, "common.validation_failed", "expiresAt");
    const { id } = await world.granted(one, "viewer", `user:${person.id}`, { expiresAt: secondsAhead(30) });
    const moved = () => change(id, { expiresAt: secondsAhead(-1) });
    expectError(await withoutTrace(world.server, moved), 400, "common.validation_failed", "expiresAt");
    world.server.clock.advance(31);
    expect(await view(person, one)).toBe(false);
    expectWritten(await change(id, { expiresAt: secondsAhead(60) }), 200);
    expect(await view(person, one)).toBe(true);
    expectError(await withoutTrace(world.server, () => world.grant(one, "viewer", `user:${person.id}`)), 409, "access.grant_taken");
    world.server.clock.advance(61);
    const again = () => world.grant(one, "viewer", `user:${person.id}`);
    const answers = await Promise.all([again(), again(), again(), again()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
    expect(await view(person, one)).toBe(true);
    expectError(await world.send(`GET grants/${id}`, world.owner.token), 404, "access.grant_not_found");
    for (const expiresAt of ["tomorrow", "2026-13-01T00:00:00Z", 7])
      expectError(await world.grant(camera(), "viewer", `user:${person.id}`, { expiresAt }), 400, "common.validation_failed", "expiresAt");
  });
});

describe("a grant that has expired", () => {
  const listed = async (one: string) => {
    const { type, id } = refOf(one);
    const at = `GET grants?organizationId=${world.organization.id}&resourceType=${type}&resourceId=${id}`;
    return (await world.send(at, world.owner.token)).body.items;
  };

  it("is flagged as expired in lists and single reads", async () => {
    const one = camera();
    const { id, isExpired } = await world.granted(one, "viewer", `user:${person.id}`, { expiresAt: secondsAhead(30) });
    await world.granted(one, "editor", `user:${person.id}`);
    expect(isExpired).toBe(false);
    world.server.clock.advance(31);
    const marked = (await listed(one)).map((grant: AnyBody) => [grant.relation, grant.isExpired]);
    expect(marked.sort()).toEqual([
      ["editor", false],
      ["viewer", true],
    ]);
    expect((await world.send(`GET grants/${id}`, world.owner.token)).body.isExpired).toBe(true);
  });

  it("is removed by a job 30 days after its expiry, with an event, and no other grant is", async () => {
    const one = camera();
    const { owner } = world.server.application.platform.database;
    const ids = new Map<string, string>();
    for (const [relation, ended] of [
      ["viewer", "now() - interval '31 days'"],
      ["editor", "now() - interval '29 days'"],
      ["banned", "null"],
    ] as const) {
      const { id } = await world.granted(one, relation, `user:${person.id}`, { expiresAt: secondsAhead(30) });
      await sql`update relationships set expires_at = ${sql.raw(ended)} where id = ${id}`.execute(owner);
      ids.set(relation, id);
    }
    expect(await asOperator(world.server, "access.removeExpiredGrants", {})).toEqual({ more: false, stopped: false });
    expect((await listed(one)).map(({ relation }: AnyBody) => relation).sort()).toEqual(["banned", "editor"]);
    const { rows } = await sql<{ type: string }>`select type from events
      where type = 'grant.revoked.v1' and data ->> 'grantId' = ${ids.get("viewer")}`.execute(owner);
    expect(rows).toHaveLength(1);
  });
});

describe("PUT /api/v1/iam/grants/{id}", () => {
  it("changes expiry and condition at once; a stale If-Match is rejected with 412", async () => {
    const one = camera();
    const { id } = await world.granted(one, "viewer", `user:${person.id}`);
    const condition = compare("$request.purpose", "equals", "audit");
    const changed = await change(id, { condition }, world.owner.token, { "if-match": '"1"' });
    expectWritten(changed, 200);
    expect(changed.body).toMatchObject({ id, condition, expiresAt: null, version: 2 });
    expect(await view(person, one, { contextData: { purpose: "audit" } })).toBe(true);
    expect(await view(person, one, { contextData: { purpose: "fun" } })).toBe(false);
    expectError(
      await world.check(person, "Camera.View", { resourceType: "Camera", resourceId: refOf(one).id }),
      400,
      "common.validation_failed",
      "$request.purpose",
    );
    const stale = () => change(id, {}, world.owner.token, { "if-match": '"1"' });
    expectError(await withoutTrace(world.server, stale), 412, "common.version_conflict");
    expectError(
      await withoutTrace(world.server, () => revoke(id, world.owner.token, { "if-match": '"1"' })),
      412,
      "common.version_conflict",
    );
    expectWritten(await change(id, {}), 200);
    expect(await view(person, one)).toBe(true);
    const faulty = { condition: { not: compare("$request.a", "resembles", "b") } };
    expectError(await withoutTrace(world.server, () => change(id, faulty)), 400, "common.validation_failed", "condition.not.operator");
  });
});

describe("a grant is rejected", () => {
  const attempt = (resource: string, relation: string, subject: string, more = {}, token?: string) =>
    withoutTrace(world.server, () => world.grant(resource, relation, subject, more, token));
  const user = () => `user:${person.id}`;

  it("for an unknown type, an unknown relation, or a kind of subject that the relation does not accept", async () => {
    expectError(await attempt("Submarine:1", "viewer", user()), 400, "access.unknown_resource_type", "resource.type");
    expectError(await attempt(camera(), "captain", user()), 400, "access.unknown_relation", "relation");
    for (const inherited of ["constructor", "toString", "__proto__"]) {
      expectError(await attempt(camera(), inherited, user()), 400, "access.unknown_relation");
      expectError(await attempt(`${inherited}:1`, "viewer", user()), 400, "access.unknown_resource_type");
    }
    for (const [relation, subject] of [
      ["zone", user()],
      ["editor", "user:*"],
      ["editor", `role:${unknownId}`],
      ["viewer", "Zone:1"],
      ["viewer", "Zone:1#guard"],
      ["viewer", "Group:1"],
      ["banned", "user:*"],
    ] as const)
      expectError(await attempt(camera(), relation, subject), 400, "common.validation_failed", "subject");
    const faulty = { condition: compare("$nothing", "equals", 1) };
    expectError(await attempt(camera(), "viewer", user(), faulty), 400, "common.validation_failed", "condition.left");
  });

  it("for an unknown user, a user of another organization, or a role of another organization", async () => {
    const unknown = await attempt(camera(), "viewer", `user:${unknownId}`);
    expectError(unknown, 400, "common.validation_failed", "subject.id");
    // The error does not reveal whether they exist elsewhere.
    for (const id of [other.owner.id, world.nonMember.id]) {
      const { body } = await attempt(camera(), "viewer", `user:${id}`);
      expect({ ...body.error, traceId: "" }).toEqual({ ...unknown.body.error, traceId: "" });
    }
    for (const id of ["me", `${person.id}x`, "**"])
      expectError(await attempt(camera(), "viewer", `user:${id}`), 400, "common.validation_failed", "subject.id");
    const theirs = await world.role([], other);
    for (const id of [unknownId, theirs, "Owner"])
      expectError(await attempt(camera(), "viewer", `role:${id}`), 404, "access.role_not_found", "subject.id");
  });

  it("as a duplicate, even among ten concurrent requests or with the id in upper case", async () => {
    const one = camera();
    const answers = await Promise.all(Array.from({ length: 10 }, () => world.grant(one, "viewer", user())));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
    expectError(await attempt(one, "viewer", user().toUpperCase().replace("USER", "user")), 409, "access.grant_taken", "subject");
    // A different relation, subject or resource is no duplicate.
    await world.granted(one, "editor", user());
    await world.granted(one, "viewer", "user:*");
    await world.granted(camera(), "viewer", user());
  });

  it("for a member without the permission, a non-member or another organization's owner, as are change, read and revocation", async () => {
    const { id } = await world.granted(camera(), "viewer", user());
    for (const [token, status, code] of [
      [world.member.token, 403, "auth.permission_denied"],
      [world.nonMember.token, 404, undefined],
      [other.owner.token, 404, undefined],
    ] as const) {
      expectError(await attempt(camera(), "viewer", user(), {}, token), status, code ?? "access.role_not_found");
      expectError(await withoutTrace(world.server, () => change(id, {}, token)), status, code ?? "access.grant_not_found");
      expectError(await withoutTrace(world.server, () => revoke(id, token)), status, code ?? "access.grant_not_found");
      expectError(await world.send(`GET grants/${id}`, token), status, code ?? "access.grant_not_found");
      expectError(await list("", token), status, code ?? "access.role_not_found");
      const all = () => revokeAll({ resource: { type: "Camera", id: "1" } }, token);
      expectError(await withoutTrace(world.server, all), status, code ?? "access.role_not_found");
    }
    expectError(await revoke(unknownId), 404, "access.grant_not_found");
  });
});

describe("the delegation check of grants", () => {
  it("rejects a caller without the permissions that the relation allows, directly or indirectly", async () => {
    const manager = await world.person(await world.role(["Organization.ManageGrants", "Organization.ReadGrants", "Camera.Edit"]));
    const conditional = await world.roleWith("Camera.View", { condition: compare("$request.a", "equals", "b") });
    const halfway = await world.person(await world.role(["Organization.ManageGrants"]), conditional);
    const own = `user:${manager.id}`;
    for (const { token } of [manager, halfway]) {
      for (const [resource, relation, subject] of [
        [camera(), "viewer", own],
        [camera(), "editor", own],
        [camera(), "viewer", "user:*"],
        [camera(), "zone", "Zone:1"],
        [`Zone:${unique()}`, "guard", own],
        [`Group:${unique()}`, "member", own],
      ] as const) {
        const answer = await withoutTrace(world.server, () => world.grant(resource, relation, subject, {}, token));
        expectError(answer, 403, "access.permission_not_held", "relation");
        expect(answer.body.error.details).toContainEqual(expect.objectContaining({ permission: "Camera.View" }));
      }
    }
  });

  it("rejects lifting a ban, also the caller's own, but allows a ban", async () => {
    const manager = await world.person(await world.role(["Organization.ManageGrants", "Organization.ReadGrants"]));
    const one = camera();
    await world.granted(one, "viewer", `user:${manager.id}`);
    const ban = await world.granted(one, "banned", `user:${manager.id}`);
    const refused = async (attempt: () => Promise<Answer<AnyBody>>) =>
      expectError(await withoutTrace(world.server, attempt), 403, "access.permission_not_held", "relation");
    await refused(() => revoke(ban.id, manager.token));
    await refused(() => change(ban.id, { expiresAt: secondsAhead(1) }, manager.token));
    await refused(() => change(ban.id, { condition: compare("$request.a", "equals", "b") }, manager.token));
    await refused(() => revokeAll({ resource: refOf(one) }, manager.token));
    await refused(() => revokeAll({ subject: { type: "user", id: manager.id } }, manager.token));
    expect(await view(manager, one)).toBe(false);
    expectWritten(await world.grant(camera(), "banned", `user:${manager.id}`, {}, manager.token), 201);
    // Revoking a grant that denies nothing needs no permission of the relation.
    const plain = await world.granted(camera(), "viewer", `user:${person.id}`);
    expectWritten(await revoke(plain.id, manager.token), 204);
  });
});

describe("POST /api/v1/iam/grants/revoke", () => {
  it("revokes all grants on a resource at once and returns how many", async () => {
    const one = camera();
    await world.granted(one, "viewer", `user:${person.id}`);
    await world.granted(one, "editor", `user:${person.id}`);
    await world.granted(one, "viewer", "user:*");
    const otherCamera = camera();
    await world.granted(otherCamera, "viewer", `user:${person.id}`);
    expect(await view(person, one)).toBe(true);
    const answer = await revokeAll({ resource: refOf(one) });
    expectWritten(answer, 200);
    expect(answer.body).toMatchObject({ revoked: 3 });
    expect(await view(person, one)).toBe(false);
    expect(await view(person, otherCamera)).toBe(true);
    expect((await revokeAll({ resource: refOf(one) })).body).toMatchObject({ revoked: 0 });
  });

  it("revokes all grants of a subject, without regard to the id's case, and for a subject set only that set's", async () => {
    const leaver = await world.person();
    const [one, two, group] = [camera(), camera(), `Group:${unique()}`];
    for (const each of [one, two]) await world.granted(each, "viewer", `user:${leaver.id}`);
    expect((await revokeAll({ subject: { type: "user", id: leaver.id.toUpperCase() } })).body).toMatchObject({ revoked: 2 });
    expect(await view(leaver, one)).toBe(false);
    const zone = `Zone:${unique()}`;
    await world.granted(one, "viewer", `${group}#member`);
    await world.granted(two, "zone", zone);
    expect((await revokeAll({ subject: { ...refOf(zone), relation: "guard" } })).body).toMatchObject({ revoked: 0 });
    expect((await revokeAll({ subject: { ...refOf(group), relation: "member" } })).body).toMatchObject({ revoked: 1 });
    expect((await revokeAll({ subject: refOf(zone) })).body).toMatchObject({ revoked: 1 });
    expect((await revokeAll({ subject: refOf(zone), resource: refOf(two) })).body).toMatchObject({ revoked: 0 });
  });

  it("rejects a request without a resource or subject", async () => {
    expectError(await withoutTrace(world.server, () => revokeAll({})), 400, "common.validation_failed", "resource");
  });

  it("revokes more grants than fit into one statement", async () => {
    const one = camera();
    const count = 1_100;
    await sql`insert into relationships
        (id, organization_id, resource_type, resource_id, relation, subject_type, subject_id, subject_relation, granted_at)
        select gen_random_uuid(), ${world.organization.id}::uuid, 'Camera', ${refOf(one).id}, 'viewer', 'Group', 'g' || n, 'member', now()
        from generate_series(1, ${count}::int) n`.execute(world.server.application.platform.database.owner);
    expect((await revokeAll({ resource: refOf(one) })).body).toMatchObject({ revoked: count });
    expect((await list(`&resourceType=Camera&resourceId=${refOf(one).id}`)).body.items).toEqual([]);
  });
});

describe("grants of a removed subject", () => {
  it("do not apply again to a removed member with a new membership", async () => {
    const leaver = await world.person();
    const [one, group, two] = [camera(), `Group:${unique()}`, camera()];
    await world.granted(one, "viewer", `user:${leaver.id}`);
    await world.granted(group, "member", `user:${leaver.id}`);
    await world.granted(two, "viewer", `${group}#member`);
    expect([await view(leaver, one), await view(leaver, two)]).toEqual([true, true]);
    expectWritten(await remove(leaver), 204);
    expect([await view(leaver, one), await view(leaver, two)]).toEqual([false, false]);
    expect((await list(`&subjectType=user&subjectId=${leaver.id}`)).body.items).toEqual([]);
    await joinAs(world.server, world.organization, leaver, await world.role());
    expect([await view(leaver, one), await view(leaver, two)]).toEqual([false, false]);
    // It can be granted again.
    await world.granted(one, "viewer", `user:${leaver.id}`);
    expect(await view(leaver, one)).toBe(true);
  });

  it("do not apply again, nor do the attributes of a removed member", async () => {
    const leaver = await world.person();
    await world.setAttributes(leaver, { team: "red" });
    const at = `GET organizations/${world.organization.id}/members/${leaver.id}/attributes`;
    expect((await world.send(at, world.owner.token)).body).toMatchObject({ attributes: { team: "red" }, version: 1 });
    expectWritten(await remove(leaver), 204);
    expectError(await world.send(at, world.owner.token), 404, "access.member_not_found");
    await joinAs(world.server, world.organization, leaver, await world.role());
    expect((await world.send(at, world.owner.token)).body).toMatchObject({ attributes: {}, version: 0 });
  });

  it("are revoked when their role is deleted", async () => {
    const [one, role] = [camera(), await world.role()];
    await world.granted(one, "viewer", `role:${role}`);
    expect((await list(`&subjectType=role&subjectId=${role}`)).body.items).toHaveLength(1);
    expectWritten(await world.send(`DELETE roles/${role}`, world.owner.token), 204);
    expect((await list(`&subjectType=role&subjectId=${role}`)).body.items).toEqual([]);
  });
});

describe("GET /api/v1/iam/grants", () => {
  it("lists all grants page by page, without duplicates, and filters by every field", async () => {
    const one = camera();
    const { id: resourceId } = refOf(one);
    const made: string[] = [];
    for (const subject of [`user:${person.id}`, "user:*", "Group:a#member", "Group:b#member", `role:${await world.role()}`])
      made.push((await world.granted(one, "viewer", subject)).id);
    const found: string[] = [];
    let cursor = "";
    do {
      const page = await list(`&resourceType=Camera&resourceId=${resourceId}&limit=2${cursor}`);
      expectRead(page);
      expect(page.body.items.length).toBeLessThanOrEqual(2);
      found.push(...page.body.items.map(({ id }: AnyBody) => id));
      cursor = page.body.nextCursor ? `&cursor=${encodeURIComponent(page.body.nextCursor)}` : "";
    } while (cursor !== "");
    expect(found).toEqual(made);
    const where = `&resourceId=${resourceId}`;
    expect((await list(`${where}&subjectType=user&subjectId=*`)).body.items.map(({ id }: AnyBody) => id)).toEqual([made[1]]);
    expect((await list(`${where}&relation=editor`)).body.items).toEqual([]);
    expect((await list(`${where}&subjectType=Group&relation=viewer`)).body.items).toHaveLength(2);
    expect((await list(`${where}&subjectType=user&subjectId=${person.id.toUpperCase()}`)).body.items).toHaveLength(1);
  });

  it("rejects a forged cursor, and one of another list", async () => {
    await world.granted(camera(), "viewer", "Group:c#member");
    await world.granted(camera(), "viewer", "Group:d#member");
    const { nextCursor } = (await list("&limit=1")).body;
    expect(nextCursor).toEqual(expect.any(String));
    for (const forged of ["x", "", nextCursor.slice(0, -2), `${nextCursor}A`, Buffer.from(`["${unknownId}"]`).toString("base64url")])
      expectError(await list(`&cursor=${encodeURIComponent(forged)}`), 400, "common.validation_failed", "cursor");
    const elsewhere = await world.send(
      `GET roles?organizationId=${world.organization.id}&cursor=${encodeURIComponent(nextCursor)}`,
      world.owner.token,
    );
    expectError(elsewhere, 400, "common.validation_failed", "cursor");
  });

  it("lists no grant of another organization", async () => {
    const theirs = await world.grant(camera(), "viewer", "user:*", { organizationId: other.id }, other.owner.token);
    expectWritten(theirs, 201);
    const { body } = await list("&limit=100");
    expect(body.items.length).toBeGreaterThan(0);
    expect(new Set(body.items.map(({ organizationId }: AnyBody) => organizationId))).toEqual(new Set([world.organization.id]));
  });
});
