/** Sixteen concurrent calls on two processes use each single-use thing once. */
import { expectOk, issueOf } from "@gatehouse/testing/answers.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { inLanes, times } from "@gatehouse/testing/lanes.ts";
import { address, invite, joinAs, mailedToken, newPerson, newRole, password, unique } from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { openSetUp } from "@gatehouse/testing/set-up.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, expect, it } from "vitest";

/** The number of concurrent calls that CONTRIBUTING.md requires. */
const ways = 16;
/** Enough rounds to see a race that is lost one time in ten. */
const rounds = 10;
const iam = "/api/v1/iam";

describeOnPostgresql("single use in races", () => {
  let server: TestServer;
  let second: TestServer;
  let world: World;
  beforeAll(async () => {
    server = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off" }, "postgresql");
    second = await server.startAnother();
    world = await World.on(server, twoTenants);
  });
  afterAll(async () => {
    await second?.close();
    await server?.close();
  });

  type Call = Parameters<TestServer["call"]>;

  /** Sends every call concurrently, by turns to two processes, and returns `status code` of each. */
  async function race(calls: readonly Call[]): Promise<{ readonly outcomes: string[]; readonly answers: readonly Answer<AnyBody>[] }> {
    const answers = await Promise.all(calls.map(([route, options], index) => (index % 2 ? second : server).call(route, options)));
    const issues = answers.map(issueOf).filter((issue) => issue !== undefined);
    expect(issues).toEqual([]);
    return { answers, outcomes: answers.map(({ status, body }) => `${status} ${body?.error?.code ?? ""}`.trim()) };
  }

  const same = (...call: Call): Call[] => times(ways).map(() => call);

  /** Expects that one call succeeded and each other one got one of `refusals`. */
  function expectOne(outcomes: readonly string[], ...refusals: string[]): void {
    expect(
      outcomes.filter((one) => one.startsWith("2")),
      outcomes.join(", "),
    ).toHaveLength(1);
    for (const one of outcomes) if (!one.startsWith("2")) expect(refusals, outcomes.join(", ")).toContain(one);
  }

  const registration = (email: string) => ({ email, password, firstName: "A", lastName: "B", locale: "en" });

  it("one of many concurrent confirmations of an address succeeds", async () => {
    for (const _ of times(rounds)) {
      const email = address("new");
      await expectOk(server.call(`POST ${iam}/auth/register`, { body: registration(email) }));
      const token = await mailedToken(server, email);
      const { outcomes } = await race(same(`POST ${iam}/auth/verify-email`, { body: { token } }));
      expectOne(outcomes, "400 identity.token_invalid", "400 identity.token_expired");
    }
  });

  it("one of many concurrent resets of a password succeeds", async () => {
    for (const _ of times(4)) {
      const { email } = await newPerson(server, "forgetful");
      await expectOk(server.call(`POST ${iam}/auth/forgot-password`, { body: { email } }));
      const token = await mailedToken(server, email);
      const chosen = times(ways).map((index) => `harbour number ${index}`);
      const { outcomes } = await race(chosen.map((own) => [`POST ${iam}/auth/reset-password`, { body: { token, password: own } }]));
      expectOne(outcomes, "400 identity.token_invalid", "400 identity.token_expired");
      const signIns = await Promise.all(chosen.map((own) => server.call(`POST ${iam}/auth/login`, { body: { email, password: own } })));
      const winner = outcomes.findIndex((one) => one.startsWith("2"));
      expect(signIns.flatMap(({ status }, index) => (status === 200 ? [index] : []))).toEqual([winner]);
    }
  });

  it("concurrent registrations of one address create one user", async () => {
    for (const _ of times(4)) {
      const email = address("wanted");
      const { outcomes } = await race(
        times(ways).map((index) => [`POST ${iam}/auth/register`, { body: registration(index % 3 ? email : email.toUpperCase()) }]),
      );
      expect(new Set(outcomes)).toEqual(new Set(["201"]));
      const { owner } = server.application.platform.database;
      const rows = await owner.selectFrom("users").select("email").where("email", "in", [email, email.toUpperCase()]).execute();
      expect(rows).toHaveLength(1);
    }
  });

  it("one of many concurrent uses of the set-up link succeeds", async () => {
    for (const _ of times(4)) {
      const token = await openSetUp(server);
      const { outcomes } = await race(
        times(ways).map((index) => [
          `POST ${iam}/setup`,
          { body: { token, email: address(`admin${index}`), password, firstName: "A", lastName: "B" } },
        ]),
      );
      expectOne(outcomes, "403 tenancy.set_up_token_invalid", "409 tenancy.set_up_done");
    }
  });

  const inviteNew = async () => {
    const guest = await newPerson(server, "guest");
    return { guest, ...(await invite(server, world.own.organization, guest.email, world.own.roles["Member"] as string)) };
  };

  it("an invitation is either accepted or revoked, once", async () => {
    for (const _ of times(rounds)) {
      const { guest, id, token } = await inviteNew();
      const accept: Call = [`POST ${iam}/invitations/${id}/accept`, { token: guest.token, body: { token } }];
      const revoke: Call = [`DELETE ${iam}/invitations/${id}`, { token: world.own.owner.token }];
      const { outcomes } = await race(times(ways).map((index) => (index % 4 < 2 ? accept : revoke)));
      expectOne(outcomes, "409 tenancy.invitation_accepted", "409 tenancy.invitation_revoked");
      const { items } = await expectOk(
        server.call(`GET ${iam}/organizations/${world.own.id}/memberships?limit=200`, { token: world.own.owner.token }),
      );
      expect(items.some((item: AnyBody) => item.userId === guest.id)).toBe(outcomes.includes("200"));
    }
  });

  it("concurrent invitations of one address create one invitation", async () => {
    for (const _ of times(rounds)) {
      const body = { email: address("guest"), roleId: world.own.roles["Member"] };
      const { outcomes } = await race(
        same(`POST ${iam}/organizations/${world.own.id}/invitations`, { token: world.own.owner.token, body }),
      );
      expectOne(outcomes, "409 tenancy.invitation_exists");
    }
  });

  it("one of many concurrent removals of a member or a session succeeds", async () => {
    for (const _ of times(4)) {
      const leaver = await newPerson(server, "leaver");
      const { id } = await joinAs(server, world.own.organization, leaver, world.own.roles["Member"] as string);
      const removal = await race(same(`DELETE ${iam}/organizations/${world.own.id}/memberships/${id}`, { token: world.own.owner.token }));
      expectOne(removal.outcomes, "404 tenancy.membership_not_found");
      const { items } = await expectOk(server.call(`GET ${iam}/auth/sessions`, { token: leaver.token }));
      const ends = await race(same(`DELETE ${iam}/auth/sessions/${items[0].id}`, { token: leaver.token }));
      expectOne(ends.outcomes, "404 sessions.session_not_found", "401 auth.credential_invalid");
    }
  });

  it("an Idempotency-Key makes one write, and every retry gets its answer", async () => {
    for (const _ of times(rounds)) {
      const body = { name: `Once ${unique()}`, slug: `once-${unique()}`, country: "VN" };
      const options = { token: world.own.owner.token, body, headers: { "idempotency-key": `key-${unique()}` } };
      const { outcomes, answers } = await race(same(`POST ${iam}/organizations`, options));
      expect(new Set(outcomes)).toEqual(new Set(["201"]));
      expect(new Set(answers.map(({ body: one }) => one.id)).size).toBe(1);
      expect(new Set(answers.map(({ headers }) => headers["x-gatehouse-revision"])).size).toBe(1);
      const other = await server.call(`POST ${iam}/organizations`, { ...options, body: { ...body, country: "DE" } });
      expect([other.status, other.body.error.code]).toEqual([409, "common.idempotency_key_reused"]);
      // The same key of another person is another key.
      const { status } = await server.call(`POST ${iam}/organizations`, { ...options, token: world.other.owner.token });
      expect(status).toBe(409);
    }
  });

  it("an Idempotency-Key can be reused after its write failed", async () => {
    const headers = { "idempotency-key": `key-${unique()}` };
    const body = { name: `Retry ${unique()}`, slug: `retry-${unique()}`, country: "VN" };
    const taken = { ...body, slug: world.own.organization.body.slug };
    const { outcomes } = await race(same(`POST ${iam}/organizations`, { token: world.own.owner.token, body: taken, headers }));
    expect(new Set(outcomes)).toEqual(new Set(["409 tenancy.slug_taken"]));
    expect((await server.call(`POST ${iam}/organizations`, { token: world.own.owner.token, body, headers })).status).toBe(201);
  });

  it("concurrent creations under one name create one organization, role or permission", async () => {
    for (const _ of times(rounds)) {
      const [name, slug, value] = [`Unique ${unique()}`, `unique-${unique()}`, `Unique${unique()}`];
      const { token } = world.own.owner;
      const names = await race(
        times(ways).map(() => [`POST ${iam}/organizations`, { token, body: { name, slug: `s-${unique()}`, country: "VN" } }]),
      );
      expectOne(names.outcomes, "409 tenancy.name_taken");
      const slugs = await race(
        times(ways).map(() => [`POST ${iam}/organizations`, { token, body: { name: `N ${unique()}`, slug, country: "VN" } }]),
      );
      expectOne(slugs.outcomes, "409 tenancy.slug_taken");
      const roles = await race(same(`POST ${iam}/roles`, { token, body: { name, scope: "Organization", organizationId: world.own.id } }));
      expectOne(roles.outcomes, "409 access.role_name_taken");
      const permissions = await race(
        same(`POST ${iam}/permissions`, { token: world.administrator.token, body: { value, scope: "Organization" } }),
      );
      expectOne(permissions.outcomes, "409 access.permission_taken");
    }
  });

  it("concurrent changes of one entity are all applied, each on the one before", async () => {
    const { token } = world.own.owner;
    const { id } = await newRole(server, world.organization);
    const before = await expectOk(server.call(`GET ${iam}/roles/${id}`, { token }));
    const { outcomes } = await race(
      times(ways).map((index) => [`PUT ${iam}/roles/${id}`, { token, body: { description: `number ${index}` } }]),
    );
    expect(new Set(outcomes)).toEqual(new Set(["200"]));
    expect((await expectOk(server.call(`GET ${iam}/roles/${id}`, { token }))).version).toBe(before.version + ways);
    const organization = await race(
      times(ways).map((index) => [`PUT ${iam}/organizations/${world.own.id}`, { token, body: { country: index % 2 ? "VN" : "DE" } }]),
    );
    expect(new Set(organization.outcomes)).toEqual(new Set(["200"]));
  });

  it("one of many concurrent writes with the same If-Match succeeds", async () => {
    const { token } = world.own.owner;
    for (const _ of times(rounds)) {
      const { id, version } = await newRole(server, world.organization);
      const { outcomes } = await race(
        times(ways).map((index) => [
          `PUT ${iam}/roles/${id}`,
          { token, body: { description: `${index}` }, headers: { "if-match": `"${version}"` } },
        ]),
      );
      expectOne(outcomes, "412 common.version_conflict");
    }
  });

  it("a role is either deleted or assigned and offered, never both", async () => {
    const { own } = world;
    const { token } = own.owner;
    for (const round of times(rounds)) {
      const { id } = await newRole(server, own.organization);
      const give: Call = [`PUT ${iam}/organizations/${own.id}/memberships/${own.membershipIds.member}`, { token, body: { roleId: id } }];
      const remove: Call = [`DELETE ${iam}/roles/${id}`, { token }];
      const calls = times(ways).map((index): Call => {
        if (index % 2 === round % 2) return remove;
        return index % 4 < 2
          ? give
          : [`POST ${iam}/organizations/${own.id}/invitations`, { token, body: { email: address("guest"), roleId: id } }];
      });
      const { outcomes, answers } = await race(calls);
      const deleted = outcomes.filter((one) => one === "204").length;
      const given = answers.filter(({ status }) => status === 200 || status === 201).length;
      expect([deleted > 0, given > 0].filter(Boolean), outcomes.join(", ")).toHaveLength(1);
      expect(deleted).toBeLessThanOrEqual(1);
      const known = ["200", "201", "204", "404 access.role_not_found", "404 tenancy.role_not_found", "409 access.role_in_use"];
      for (const one of outcomes) expect(known).toContain(one);
      await expectOk(server.call(give[0], { token, body: { roleId: own.roles["Member"] } }));
    }
  });

  const newPermission = async (parent: string | null = null): Promise<AnyBody> =>
    expectOk(
      server.call(`POST ${iam}/permissions`, {
        token: world.administrator.token,
        body: { value: `Raced${unique()}`, scope: "Organization", parent },
      }),
    );

  it("a permission is either deleted or used by a role or a child, never both", async () => {
    const { token } = world.own.owner;
    const admin = world.administrator.token;
    for (const round of times(rounds)) {
      const roles = await Promise.all(times(4).map(() => newRole(server, world.organization)));
      const { id, value } = await newPermission();
      const calls = times(ways).map((index): Call => {
        if (index % 2 === round % 2) return [`DELETE ${iam}/permissions/${id}`, { token: admin }];
        if (index % 4 < 2) return [`POST ${iam}/roles/${roles[index % 4]?.id}/permissions`, { token, body: { permissions: [value] } }];
        return [`POST ${iam}/permissions`, { token: admin, body: { value: `Below${unique()}`, scope: "Organization", parent: value } }];
      });
      const { outcomes, answers } = await race(calls);
      const deleted = outcomes.includes("204");
      const used = answers.some(({ status }) => status === 200 || status === 201);
      expect([deleted, used].filter(Boolean), outcomes.join(", ")).toHaveLength(1);
      const known = ["200", "201", "204", "404 access.permission_not_found", "404 access.parent_not_found", "409 access.permission_in_use"];
      // A caller who reads the definition before it is deleted and their permissions after it no longer holds it.
      known.push("403 access.permission_not_held");
      for (const one of outcomes) expect(known).toContain(one);
    }
  });

  it("concurrent moves in the permission tree never make a cycle", async () => {
    const token = world.administrator.token;
    for (const _ of times(3)) {
      const nodes = await Promise.all(times(ways).map(() => newPermission()));
      // Each below the next: all moves together would make a cycle.
      const { outcomes } = await race(
        nodes.map((node, index) => [`PUT ${iam}/permissions/${node.id}`, { token, body: { parent: nodes[(index + 1) % ways].value } }]),
      );
      expect(
        outcomes.filter((one) => one === "409 access.parent_cycle"),
        outcomes.join(", "),
      ).toHaveLength(1);
      expect(outcomes.filter((one) => one === "200")).toHaveLength(ways - 1);
      const { owner } = server.application.platform.database;
      const rows = await owner.selectFrom("permission_definitions").select(["id", "parent_permission_id"]).execute();
      const parentOf = new Map(rows.map((row) => [row["id"] as string, row["parent_permission_id"] as string | null]));
      for (const { id } of nodes) {
        let steps = 0;
        for (let at: string | null | undefined = id; at && steps <= ways; at = parentOf.get(at)) steps += 1;
        expect(steps).toBeLessThanOrEqual(ways);
      }
    }
  });

  it("one person joins and leaves many organizations concurrently", async () => {
    const person = await newPerson(server, "busy");
    const { own, other } = world;
    await inLanes(times(rounds), 1, async () => {
      const offers = await Promise.all(
        [own, other].map((tenant) => invite(server, tenant.organization, person.email, tenant.roles["Member"] as string)),
      );
      const { outcomes, answers } = await race(
        offers.map(({ id, token }) => [`POST ${iam}/invitations/${id}/accept`, { token: person.token, body: { token } }]),
      );
      expect(outcomes).toEqual(["200", "200"]);
      const left = await race(
        answers.map(({ body }) => [
          `DELETE ${iam}/organizations/${body.organizationId}/memberships/${body.id}`,
          { token: (body.organizationId === own.id ? own : other).owner.token },
        ]),
      );
      expect(left.outcomes).toEqual(["204", "204"]);
    });
  });
});
