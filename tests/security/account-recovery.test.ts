/** Attack 48 of docs/security/attacks.md. */
import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { inLanes, times } from "@gatehouse/testing/lanes.ts";
import {
  joinAs,
  newInternalRole,
  newOrganization,
  newPerson,
  type OrganizationOf,
  type Person,
  rolesOf,
  signIn,
  unique,
} from "@gatehouse/testing/people.ts";
import { compare } from "@gatehouse/testing/references.ts";
import { type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { withoutTrace } from "@gatehouse/testing/traces.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["admin", "member"]);
beforeAll(async () => {
  await world.define("Lesson", "Lesson.Read", "Lesson.Write");
});

const refused = async (work: () => Promise<AnyBody>, status: number, code: string, field?: string) =>
  expectError(await withoutTrace(world.server, work), status, code, field);

/** Members of an organization by user, with their memberships. */
async function memberships({ id, owner }: OrganizationOf): Promise<ReadonlyMap<string, string>> {
  const { body } = await world.send(`GET organizations/${id}/memberships?limit=100`, owner.token);
  return new Map(body.items.map((item: AnyBody) => [item.userId, item.id]));
}

/** An organization whose only owner also holds a role that others hold. */
async function sharedRole() {
  const organization = await newOrganization(world.server);
  const roles = await rolesOf(world.server, organization);
  const team = await world.role([], organization);
  const membership = (await memberships(organization)).get(organization.owner.id) as string;
  const at = `PUT organizations/${organization.id}/memberships/${membership}`;
  const owner = roles["Owner"] as string;
  const giveOwner = (...roleIds: string[]) => world.send(at, organization.owner.token, { roleIds });
  expectWritten(await giveOwner(owner, team), 200);
  const manager = await newPerson(world.server, "manager");
  const keeping = await world.role(["Organization.ManageRoles", "Organization.ReadRoles"], organization);
  await joinAs(world.server, organization, manager, keeping);
  const reads = () => world.send(`GET organizations/${organization.id}`, organization.owner.token);
  return { organization, roles, team, owner, manager, giveOwner, reads };
}

/** Another owner of the organization. */
async function secondOwner({ organization, roles }: Awaited<ReturnType<typeof sharedRole>>): Promise<Person> {
  const person = await newPerson(world.server, "second");
  await joinAs(world.server, organization, person, roles["Owner"] as string);
  return person;
}

describe("denials of more privileged members", () => {
  it("a manager of roles cannot deny an owner anything by a role that they share, under any condition", async () => {
    const { team, manager, reads, organization } = await sharedRole();
    expectWritten(await world.rule(team, "Lesson.Write", {}, organization.owner.token), 200);
    for (const permission of ["Organization", "Organization.Read", "Lesson.Write", "Lesson.Read"])
      for (const condition of [undefined, compare("$request.any", "equals", "x")]) {
        const rule = { effect: "deny", ...(condition ? { condition } : {}) };
        await refused(() => world.rule(team, permission, rule, manager.token), 403, "access.holders_above", "roleId");
      }
    // Adding a condition to a permission and removing it need the same permission.
    const holds = await world.role(["Lesson.Write"], organization);
    const writer = await newPerson(world.server, "writer");
    await joinAs(world.server, organization, writer, holds);
    const remove = (role: string) => world.send(`DELETE roles/${role}/permissions`, manager.token, { permissions: ["Lesson.Write"] });
    await refused(() => remove(holds), 403, "access.holders_above");
    await refused(() => remove(team), 403, "access.holders_above");
    expectRead(await reads());
  });

  it("an admin who is no owner cannot deny an owner anything", async () => {
    const { team, roles, organization } = await sharedRole();
    const admin = await newPerson(world.server, "admin");
    await joinAs(world.server, organization, admin, roles["Admin"] as string);
    await refused(() => world.rule(team, "Lesson.Read", { effect: "deny" }, admin.token), 403, "access.holders_above");
  });

  it("a manager of roles can deny members who hold no more than they do", async () => {
    const { organization, manager, roles } = await sharedRole();
    const lesser = await world.role(["Organization.ReadRoles"], organization);
    await joinAs(world.server, organization, await newPerson(world.server), lesser);
    expectWritten(await world.rule(lesser, "Lesson.Read", { effect: "deny" }, manager.token), 200);
    const admin = await newPerson(world.server, "admin");
    await joinAs(world.server, organization, admin, roles["Admin"] as string);
    const remove = { permissions: ["Organization.ReadRoles"] };
    expectWritten(await world.send(`DELETE roles/${lesser}/permissions`, admin.token, remove), 200);
  });

  it("a clerk of the internal scope cannot deny an administrator anything", async () => {
    const administrator = world.administrator;
    const clerk = await internalMember("InternalRole.Manage", "InternalRole.Read");
    const shared = await internalRole();
    const top = await administratorRole();
    const give = (roleIds: string[]) => world.send(`PUT internal/memberships/${administrator.id}`, administrator.token, { roleIds });
    expectWritten(await give([top, shared]), 200);
    for (const permission of ["Authorization", "InternalRole.Manage", "User.Read"])
      await refused(() => world.rule(shared, permission, { effect: "deny" }, clerk.token), 403, "access.holders_above");
    // The only administrator cannot do it either, nor assign themselves such a role.
    await refused(() => world.rule(shared, "User.Read", { effect: "deny" }, administrator.token), 409, "access.last_holder");
    const denying = await internalRole();
    expectWritten(await world.rule(denying, "User.Read", { effect: "deny" }, administrator.token), 200);
    await refused(() => give([top, denying]), 409, "tenancy.last_administrator");
    expectWritten(await give([top]), 200);
  });
});

describe("the last unrestricted owner", () => {
  it("the only owner cannot deny themselves a permission of the product", async () => {
    const { team, owner, giveOwner, organization, reads } = await sharedRole();
    const deny = (role: string, rule = {}) =>
      world.rule(role, "Organization.ReadGrants", { effect: "deny", ...rule }, organization.owner.token);
    await refused(() => deny(team), 409, "access.last_holder", "roleId");
    await refused(() => deny(team, { condition: compare("$request.any", "equals", "x") }), 409, "access.last_holder");
    const denying = await world.role([], organization);
    expectWritten(await deny(denying), 200);
    await refused(() => giveOwner(owner, denying), 409, "tenancy.last_owner");
    expectRead(await reads());
  });

  it("the only owner can deny themselves an application's permission, and undo it", async () => {
    const { team, organization } = await sharedRole();
    const { token } = organization.owner;
    expectWritten(await world.rule(team, "Lesson.Read", { effect: "deny" }, token), 200);
    const body = { userId: organization.owner.id, tenantId: organization.id, actionType: "Lesson.Read" };
    const may = async () => (await world.send("POST authorization/check", token, body)).body.isAuthorized;
    expect(await may()).toBe(false);
    expectWritten(await world.send(`DELETE roles/${team}/permissions`, token, { permissions: ["Lesson.Read"] }), 200);
    expect(await may()).toBe(true);
  });

  it("one of two owners can be denied a permission, and the other can undo it", async () => {
    const shared = await sharedRole();
    const { team, organization, owner, giveOwner } = shared;
    const second = await secondOwner(shared);
    expectWritten(await world.rule(team, "Organization.ReadGrants", { effect: "deny" }, second.token), 200);
    // A restricted owner does not count, so the second one is the last.
    const of = (await memberships(organization)).get(second.id);
    const at = `organizations/${organization.id}/memberships/${of}`;
    await refused(() => world.send(`DELETE ${at}`, second.token), 409, "tenancy.last_owner");
    expect((await giveOwner(owner)).status).toBe(403);
    const remove = { permissions: ["Organization.ReadGrants"] };
    expectWritten(await world.send(`DELETE roles/${team}/permissions`, second.token, remove), 200);
    expectWritten(await world.send(`DELETE ${at}`, second.token), 204);
  });

  it("a suspended owner does not count as an unrestricted owner", async () => {
    const shared = await sharedRole();
    const { organization, owner, team, giveOwner } = shared;
    const second = await secondOwner(shared);
    const member = shared.roles["Member"] as string;
    await setStatus(second, "Suspended");
    await refused(() => giveOwner(member), 409, "tenancy.last_owner", "membershipId");
    const at = (await memberships(organization)).get(organization.owner.id);
    const leave = () => world.send(`DELETE organizations/${organization.id}/memberships/${at}`, organization.owner.token);
    await refused(leave, 409, "tenancy.last_owner", "membershipId");
    await refused(
      () => world.rule(team, "Organization.ReadGrants", { effect: "deny" }, organization.owner.token),
      409,
      "access.last_holder",
    );
    await setStatus(second, "Active");
    expectWritten(await giveOwner(owner, member), 200);
    expectWritten(await leave(), 204);
  });
});

describe("suspension of more privileged users", () => {
  it("a helpdesk can neither suspend nor reactivate a user who holds more than they do", async () => {
    const helpdesk = await internalMember("User.SetStatus");
    const officer = await internalMember("User.SetStatus", "User.Read");
    const set = (whom: Person, status: string, by = helpdesk) =>
      world.server.call(`PATCH /api/v1/users/${whom.id}`, { token: by.token, body: { status } });
    await refused(() => set(world.administrator, "Suspended"), 403, "access.permission_not_held");
    await refused(() => set(officer, "Suspended"), 403, "access.permission_not_held");
    await setStatus(officer, "Suspended");
    await refused(() => set(officer, "Active"), 403, "access.permission_not_held");
    await setStatus(officer, "Active");
    expectWritten(await set(helpdesk, "Suspended", await signedInAgain(officer)), 200);
    await setStatus(helpdesk, "Active");
    // A user without internal roles holds less than any internal member; so does an owner of an organization.
    const { organization } = await sharedRole();
    const again = await signedInAgain(helpdesk);
    expectWritten(await set(organization.owner, "Suspended", again), 200);
    expectWritten(await set(organization.owner, "Active", again), 200);
  });

  it("the last active administrator cannot be suspended by any caller", async () => {
    const defined = await permissions("Internal");
    const roots = defined.filter((one) => one.parent === null).map(({ value }) => value);
    const equal = await internalMember(...roots);
    const set = () =>
      world.server.call(`PATCH /api/v1/users/${world.administrator.id}`, { token: equal.token, body: { status: "Suspended" } });
    await refused(set, 409, "tenancy.last_administrator", "userId");
    const gone = () => world.send(`DELETE internal/memberships/${world.administrator.id}`, equal.token);
    await refused(gone, 409, "tenancy.last_administrator");
  });
});

describe("requirements of the model", () => {
  const requirements = (values: object) => ({ model: { requirements: values } });
  const put = (values: object, token = world.administrator.token) => world.send("PUT authorization/model", token, requirements(values));

  it("the product's own operations evaluate the caller's session, as a check does", async () => {
    const { organization } = await sharedRole();
    const person = organization.owner;
    const make = (token: string) =>
      world.send("POST roles", token, { name: `Role ${unique()}`, scope: "Organization", organizationId: organization.id });
    const check = async (token: string) => {
      const body = { userId: person.id, tenantId: organization.id, actionType: "Organization.ManageRoles" };
      return (await world.send("POST authorization/check", token, body)).body;
    };
    expectWritten(await put({ "Organization.ManageRoles": { session: { maxAgeSeconds: 900 } } }), 200);
    const fresh = await signIn(world.server, person.email);
    expect((await check(fresh)).isAuthorized).toBe(true);
    expectWritten(await make(fresh), 201);
    world.server.clock.advance(901);
    expect(await check(fresh)).toMatchObject({ isAuthorized: false, reasonCode: "session_strength" });
    const stale = await withoutTrace(world.server, () => make(fresh));
    expectError(stale, 403, "auth.permission_denied");
    expect(stale.body.error.details).toEqual([{ rule: "session_strength", permission: "Organization.ManageRoles" }]);
    expectWritten(await make(await signIn(world.server, person.email)), 201);
    expectWritten(await put({}, await signIn(world.server, world.administrator.email)), 200);
  });

  it("a condition on the request is met by the request itself", async () => {
    const condition = compare("$request.ip", "in_network", "10.9.0.0/16");
    const role = await world.roleWith("Organization.ManageRoles", { condition });
    const person = await world.person(role);
    const make = (from: string) =>
      world.server.call("POST /api/v1/iam/roles", {
        token: person.token,
        from,
        body: { name: `Role ${unique()}`, scope: "Organization", organizationId: world.organization.id },
      });
    expectWritten(await make("10.9.1.1"), 201);
    await refused(() => make("10.8.1.1"), 403, "auth.permission_denied");
  });

  it("checks about other users need what the model requires of the check permission", async () => {
    const body = { checks: [{ userId: world.member.id, tenantId: world.organization.id, actionType: "Organization.Read" }] };
    const ask = () => world.send("POST authorization/check-batch", world.administrator.token, body);
    expectRead(await ask());
    expectWritten(await put({ "Authorization.Check": { session: { anyMethod: ["hwk"] } } }), 200);
    expectError(await ask(), 403, "auth.permission_denied");
    expectWritten(await put({}), 200);
    expectRead(await ask());
  });

  it("a caller who may replace the model can always meet its requirements", async () => {
    for (const permission of ["Authorization.ManageModel", "Authorization"])
      for (const requirement of [
        { session: { anyMethod: ["hwk"] } },
        { session: { maxAgeSeconds: 1 } },
        { entitlements: [{ feature: "models" }] },
        { entitlements: [{ limit: "models", current: "$request.models" }] },
      ]) {
        const field = `model.requirements.${permission}`;
        await refused(() => put({ [permission]: requirement }), 400, "common.validation_failed", field);
      }
    expectWritten(await put({ "Authorization.ManageModel": { session: { maxAgeSeconds: 900 } } }), 200);
    world.server.clock.advance(901);
    expectError(await put({}), 403, "auth.permission_denied");
    expectWritten(await put({}, await signIn(world.server, world.administrator.email)), 200);
  });

  it("a model of an earlier release that denies every caller can still be replaced", async () => {
    const { owner } = world.server.application.platform.database;
    const document = { requirements: { "Authorization.ManageModel": { session: { anyMethod: ["hwk"] } } } };
    const { rows } = await sql<{ version: number }>`insert into authorization_models (version, document, created_at)
      select max(version) + 1, ${JSON.stringify(document)}::jsonb, now() from authorization_models returning version`.execute(owner);
    await asOperator(world.server, "decisions.repairProjection", { keys: ["iam:policy"] });
    const token = await signIn(world.server, world.administrator.email);
    const body = { userId: world.administrator.id, actionType: "Authorization.ManageModel" };
    await expect.poll(async () => (await world.send("POST authorization/check", token, body)).body.reasonCode).toBe("session_strength");
    const clerk = await internalMember("Authorization.Check");
    expectError(await put({}, clerk.token), 403, "auth.permission_denied");
    const replaced = await put({}, token);
    expectWritten(replaced, 200);
    expect(replaced.body.version).toBe((rows[0]?.version as number) + 1);
  });
});

describe("other ways to take permissions away", () => {
  it("a grant that bans cannot affect more privileged members", async () => {
    const relations = { viewer: { subjects: ["user"] }, banned: { subjects: ["user", "user:*", "role"] } };
    await world.model({ resourceTypes: { Room: { relations, permissions: { "Lesson.Read": { allow: "viewer", deny: "banned" } } } } });
    const bouncer = await world.person(await world.role(["Organization.ManageGrants", "Lesson.Read"]));
    const reader = await world.person(await world.role(["Lesson.Read"]));
    const room = `Room:${unique()}`;
    const { Owner } = world.roles as { Owner: string };
    for (const subject of [`user:${world.owner.id}`, `user:${world.admin.id}`, `role:${Owner}`])
      await refused(() => world.grant(room, "banned", subject, {}, bouncer.token), 403, "access.holders_above", "subject");
    const ban = await world.granted(room, "banned", `user:${world.owner.id}`, { expiresAt: "2090-01-01T00:00:00.000Z" }, world.owner.token);
    const longer = () => world.send(`PUT grants/${ban.id}`, bouncer.token, { condition: null, expiresAt: null });
    await refused(longer, 403, "access.holders_above");
    await world.granted(room, "banned", `user:${reader.id}`, {}, bouncer.token);
    expect(await world.mayOn(reader, "Lesson.Read", room)).toBe(false);
    // Grants do not affect the product's own operations, so the owner can remove any ban.
    await world.granted(room, "banned", "user:*", {}, bouncer.token);
    expectWritten(
      await world.send("POST grants/revoke", world.owner.token, {
        organizationId: world.organization.id,
        resource: { type: "Room", id: room.slice(5) },
      }),
      200,
    );
    expect(await world.mayOn(world.owner, "Lesson.Read", room)).toBe(true);
  });

  it("a manager of attributes cannot trigger a denial of a more privileged member", async () => {
    const shared = await sharedRole();
    const { team, organization } = shared;
    await secondOwner(shared);
    const clerk = await newPerson(world.server, "clerk");
    await joinAs(world.server, organization, clerk, await world.role(["Organization.ManageAttributes"], organization));
    const note = (attributes: object, of: string) => world.send(`PUT organizations/${organization.id}/${of}`, clerk.token, { attributes });
    const owners = `members/${organization.owner.id}/attributes`;
    expectWritten(await note({ barred: "no" }, owners), 200);
    expectWritten(await note({ barred: "no" }, "attributes"), 200);
    for (const [permission, root] of [
      ["Lesson.Read", "$user"],
      ["Lesson.Write", "$tenant"],
    ] as const) {
      const condition = compare(`${root}.barred`, "equals", "yes");
      expectWritten(await world.rule(team, permission, { effect: "deny", condition }, organization.owner.token), 200);
    }
    await refused(() => note({ barred: "yes" }, owners), 403, "access.holders_above", "attributes");
    await refused(() => note({ barred: "yes" }, "attributes"), 403, "access.holders_above", "attributes");
  });

  it("permissions and roles of the product cannot be deleted, moved or changed", async () => {
    const defined = [...(await permissions("Organization")), ...(await permissions("Internal"))];
    const token = world.administrator.token;
    for (const value of ["Organization.ManageRoles", "Authorization.ManageModel"]) {
      const { id } = defined.find((one) => one.value === value) as { id: string };
      await refused(() => world.send(`DELETE permissions/${id}`, token), 409, "access.system_permission");
      await refused(() => world.send(`PUT permissions/${id}`, token, { parent: null }), 409, "access.system_permission");
    }
    for (const role of [world.roles["Owner"] as string, await administratorRole()]) {
      const by = role === world.roles["Owner"] ? world.owner.token : token;
      const permission = role === world.roles["Owner"] ? "Organization.Read" : "User.Read";
      await refused(() => world.rule(role, permission, { effect: "deny" }, by), 409, "access.system_role");
      await refused(() => world.send(`DELETE roles/${role}`, by), 409, "access.system_role");
    }
  });
});

describe("recovery by the command line", () => {
  it("the command line restores an administrator's and an owner's access after any denial", async () => {
    const shared = await sharedRole();
    const { team, organization, reads } = shared;
    const second = await secondOwner(shared);
    expectWritten(await world.rule(team, "Organization", { effect: "deny" }, second.token), 200);
    await setStatus(organization.owner, "Suspended");
    await setStatus(second, "Suspended");
    const { email } = organization.owner;
    const restored = await asOperator(world.server, "tenancy.restoreOwner", { organizationId: organization.id, email });
    expect(restored).toMatchObject({ userId: organization.owner.id, roles: [{ id: shared.owner }] });
    const again = { ...organization, owner: await signedInAgain(organization.owner) };
    expectRead(await world.send(`GET organizations/${organization.id}`, again.owner.token));
    expect((await reads()).status).toBe(401);
    // A non-member becomes a member.
    const newcomer = await newPerson(world.server, "newcomer");
    await asOperator(world.server, "tenancy.restoreOwner", { organizationId: organization.id, email: newcomer.email });
    expectRead(await world.send(`GET organizations/${organization.id}`, newcomer.token));

    const clerk = await internalMember("User.Read");
    await setStatus(clerk, "Suspended");
    await asOperator(world.server, "authentication.restoreAdministrator", { email: clerk.email.toUpperCase() });
    const token = await signIn(world.server, clerk.email);
    expectRead(await world.send("GET internal/memberships", token));
    expectWritten(await world.send(`DELETE internal/memberships/${clerk.id}`, world.administrator.token), 204);
    const unknown = asOperator(world.server, "authentication.restoreAdministrator", { email: `nobody-${unique()}@example.com` });
    await expect(unknown).rejects.toThrow("There is no such user.");
  });

  it("no remote caller can call the recovery operations", async () => {
    const names = world.server.application.kernel.catalogue.operations.filter(({ name }) => /\.restore(Administrator|Owner)$/.test(name));
    expect(names.map(({ http, allow }) => [http, allow.kind])).toEqual([
      [undefined, "operator"],
      [undefined, "operator"],
    ]);
  });
});

describeOnPostgresql("owners who deny each other a permission concurrently", () => {
  let races: World;
  beforeAll(async () => {
    races = await World.open();
  });
  afterAll(() => races.close());

  it("concurrent denials leave one owner without a denial, 60 rounds", { timeout: 180_000 }, async () => {
    const pairs = await Promise.all(
      times(3).map(async () => {
        const one = await newOrganization(races.server);
        const roles = await rolesOf(races.server, one);
        const second = await newPerson(races.server, "second");
        await joinAs(races.server, one, second, roles["Owner"] as string);
        const held = await Promise.all([races.role([], one), races.role([], one)]);
        const { body } = await races.send(`GET organizations/${one.id}/memberships`, one.owner.token);
        const at = (person: Person) =>
          `organizations/${one.id}/memberships/${body.items.find((item: AnyBody) => item.userId === person.id).id}`;
        expectWritten(await races.send(`PUT ${at(one.owner)}`, one.owner.token, { roleIds: [roles["Owner"], held[0]] }), 200);
        expectWritten(await races.send(`PUT ${at(second)}`, one.owner.token, { roleIds: [roles["Owner"], held[1]] }), 200);
        return { people: [one.owner, second] as const, held, at, owner: roles["Owner"] as string };
      }),
    );
    await inLanes(times(60), pairs.length, async (index, lane) => {
      const { people, held, at, owner } = pairs[lane] as (typeof pairs)[number];
      const deny = (role: string, by: Person) => races.rule(role, "Organization.ReadGrants", { effect: "deny" }, by.token);
      const demote = () => races.send(`PUT ${at(people[0])}`, people[1].token, { roleIds: [held[0]] });
      const answers = await Promise.all([
        index % 2 === 0 ? deny(held[0] as string, people[1]) : demote(),
        deny(held[1] as string, people[0]),
      ]);
      const outcomes = answers.map(({ status, body }) => `${status} ${body?.error?.code ?? ""}`).join(", ");
      expect(answers.filter(({ status }) => status === 200).length, outcomes).toBe(1);
      expect(
        answers.every(({ status }) => [200, 403, 409].includes(status)),
        outcomes,
      ).toBe(true);
      const undo = { permissions: ["Organization.ReadGrants"] };
      if (answers[1]?.status === 200) expectWritten(await races.send(`DELETE roles/${held[1]}/permissions`, people[0].token, undo), 200);
      else if (index % 2 === 0) expectWritten(await races.send(`DELETE roles/${held[0]}/permissions`, people[1].token, undo), 200);
      else expectWritten(await races.send(`PUT ${at(people[0])}`, people[1].token, { roleIds: [owner, held[0]] }), 200);
    });
  });
});

async function permissions(scope: string): Promise<readonly { id: string; value: string; parent: string | null }[]> {
  const { body } = await world.send(`GET permissions?scope=${scope}&limit=100`, world.administrator.token);
  return body.items;
}

const signedInAgain = async (person: Person): Promise<Person> => ({ ...person, token: await signIn(world.server, person.email) });

async function setStatus(person: Person, status: "Active" | "Suspended"): Promise<void> {
  const { token } = await signedInAgain(world.administrator);
  expectWritten(await world.server.call(`PATCH /api/v1/users/${person.id}`, { token, body: { status } }), 200);
}

async function administratorRole(): Promise<string> {
  const { body } = await world.send("GET roles", world.administrator.token);
  return body.items.find((role: AnyBody) => role.name === "Administrator").id;
}

const internalRole = (...permissions: string[]) => newInternalRole(world.server, world.administrator, permissions);

/** An internal member with one role that gives these permissions. */
async function internalMember(...permissions: string[]): Promise<Person> {
  const person = await newPerson(world.server, "clerk");
  const roleId = await internalRole(...permissions);
  expectWritten(await world.send(`PUT internal/memberships/${person.id}`, world.administrator.token, { roleId }), 200);
  return person;
}
