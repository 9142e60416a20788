/** Attack 31 of docs/security/attacks.md. */
import { expectOk } from "@gatehouse/testing/answers.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { times } from "@gatehouse/testing/lanes.ts";
import { type Member, mailedToken, newMember, newPerson, type Person, password, signIn } from "@gatehouse/testing/people.ts";
import { type Processes, refusedWithin, startProcesses } from "@gatehouse/testing/processes.ts";
import type { Answer, AnyBody, TestServer } from "@gatehouse/testing/server.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { installModel, installProbes, kinds, newProbe, type ProbeNames } from "./support/probe.ts";

const iam = "/api/v1/iam";
const rounds = 5;

describeOnPostgresql("revocation on three processes", () => {
  let processes: Processes;
  let world: World;
  let names: ProbeNames;
  beforeAll(async () => {
    processes = await startProcesses(3);
    world = await World.on(processes.all[0] as TestServer, twoTenants);
    names = await installProbes(processes.all[0] as TestServer, world);
  });
  afterAll(() => processes?.close());

  const writer = (round: number): TestServer => processes.all[round % processes.all.length] as TestServer;

  interface Case {
    /** A person with a permission, and a request that needs it. */
    readonly person: Person;
    readonly use: (server: TestServer) => Promise<Answer<AnyBody>>;
    readonly take: (server: TestServer) => Promise<Answer<AnyBody>>;
    readonly refusal: readonly number[];
  }

  /** Expects that a permission works in every process, is revoked in one, and is then refused in all of them for good. */
  async function expectTaken(name: string, make: () => Promise<Case>): Promise<void> {
    for (const round of times(rounds)) {
      const { use, take, refusal } = await make();
      for (const server of processes.all) {
        // Twice, so that every cache has it.
        expect((await use(server)).status).toBe(200);
        expect((await use(server)).status).toBe(200);
      }
      expect((await take(writer(round))).status).toBeLessThan(300);
      // The revoking process refuses immediately.
      expect(refusal, `${name}: where it was taken`).toContain((await use(writer(round))).status);
      await Promise.all(
        processes.all.map((server, index) =>
          refusedWithin(`${name}, process ${index}`, async () => refusal.includes((await use(server)).status)),
        ),
      );
      for (const server of processes.all) {
        for (const _ of times(3)) expect(refusal).toContain((await use(server)).status);
      }
    }
  }

  const member = (roleName: string): Promise<Member> => world.person(world.roles[roleName] as string);
  const readOwn = (person: Person) => (server: TestServer) =>
    server.call(`GET ${iam}/organizations/${world.own.id}`, { token: person.token });
  const readMe = (token: string) => (server: TestServer) => server.call(`GET ${iam}/auth/session`, { token });

  it("a member with a lower role is refused in every process within the bound", () =>
    expectTaken("the admin's role", async () => {
      const person = await member("Admin");
      const { id, owner, roles } = world.own;
      return {
        person,
        use: (server) => server.call(`GET ${iam}/organizations/${id}/invitations`, { token: person.token }),
        take: (server) =>
          server.call(`PUT ${iam}/organizations/${id}/memberships/${person.membershipId}`, {
            token: owner.token,
            body: { roleId: roles["Member"] },
          }),
        refusal: [403],
      };
    }));

  it("a permission that a role lost is refused in every process within the bound", () =>
    expectTaken("the role's permission", async () => {
      const server = processes.all[0] as TestServer;
      const { id, organization, owner } = world.own;
      const permissions = ["Organization.InviteMember"];
      const person = await newMember(server, organization, permissions, "reader");
      return {
        person,
        use: (at) => at.call(`GET ${iam}/organizations/${id}/invitations`, { token: person.token }),
        take: (at) => at.call(`DELETE ${iam}/roles/${person.roleId}/permissions`, { token: owner.token, body: { permissions } }),
        refusal: [403],
      };
    }));

  it("a removed member is refused in every process within the bound", () =>
    expectTaken("the membership", async () => {
      const person = await member("Member");
      const { id, owner } = world.own;
      return {
        person,
        use: readOwn(person),
        take: (server) => server.call(`DELETE ${iam}/organizations/${id}/memberships/${person.membershipId}`, { token: owner.token }),
        refusal: [404],
      };
    }));

  it("a suspended user is refused in every process within the bound", () =>
    expectTaken("the suspended user's session", async () => {
      const person = await member("Member");
      return {
        person,
        use: readOwn(person),
        take: (server) =>
          server.call(`PATCH /api/v1/users/${person.id}`, { token: world.administrator.token, body: { status: "Suspended" } }),
        refusal: [401],
      };
    }));

  it("checks about a suspended user are denied in every process within the bound", () =>
    expectTaken("the decision about the suspended user", async () => {
      const person = await member("Member");
      const body = { userId: person.id, tenantId: world.own.id, actionType: "Organization.Read" };
      return {
        person,
        use: async (server) => {
          const answer = await server.call(`POST ${iam}/authorization/check`, { token: world.administrator.token, body });
          return { ...answer, status: answer.body.isAuthorized ? 200 : 403 };
        },
        take: (server) =>
          server.call(`PATCH /api/v1/users/${person.id}`, { token: world.administrator.token, body: { status: "Suspended" } }),
        refusal: [403],
      };
    }));

  it("members of a suspended organization are refused in every process within the bound", () =>
    expectTaken("the suspended organization", async () => {
      const { other, administrator } = world;
      const set = (server: TestServer, status: string) =>
        server.call(`PUT ${iam}/organizations/${other.id}`, { token: administrator.token, body: { status } });
      await expectOk(set(writer(0), "Active"));
      for (const server of processes.all) await server.application.platform.log.catchUp();
      return {
        person: other.member,
        use: (server) => server.call(`GET ${iam}/organizations/${other.id}`, { token: other.member.token }),
        take: (server) => set(server, "Suspended"),
        refusal: [403],
      };
    }));

  it("sessions from before a password change are refused in every process within the bound", () =>
    expectTaken("the session of the old password", async () => {
      const person = await member("Member");
      const server = processes.all[0] as TestServer;
      await expectOk(server.call(`POST ${iam}/auth/forgot-password`, { body: { email: person.email } }));
      const token = await mailedToken(server, person.email, "reset-password");
      return {
        person,
        use: readMe(person.token),
        take: (at) => at.call(`POST ${iam}/auth/reset-password`, { body: { token, password: `${password}, by night` } }),
        refusal: [401],
      };
    }));

  it("an ended session and a signed-out one are refused in every process within the bound", () =>
    expectTaken("the ended session", async () => {
      const server = processes.all[0] as TestServer;
      const person = await member("Member");
      const second = await signIn(server, person.email);
      const { session } = await expectOk(server.call(`GET ${iam}/auth/session`, { token: second }));
      const ended = Math.random() < 0.5;
      return {
        person,
        use: readMe(second),
        take: (at) =>
          ended
            ? at.call(`DELETE ${iam}/auth/sessions/${session.id}`, { token: person.token })
            : at.call(`POST ${iam}/auth/logout`, { token: second }),
        refusal: [401],
      };
    }));

  it("a revoked internal role is refused in every process within the bound", () =>
    expectTaken("the internal role", async () => {
      const { administrator, administratorRoleId } = world;
      const server = processes.all[0] as TestServer;
      const clerk = await newPerson(server, "clerk");
      const at = `${iam}/internal/memberships/${clerk.id}`;
      await expectOk(server.call(`PUT ${at}`, { token: administrator.token, body: { roleId: administratorRoleId } }));
      return {
        person: clerk,
        use: (where) => where.call("GET /api/v1/users?limit=1", { token: clerk.token }),
        take: (where) => where.call(`DELETE ${at}`, { token: administrator.token }),
        refusal: [403],
      };
    }));

  it.each(kinds)("a change of %s is decided by every process within the bound", (kind) =>
    expectTaken(kind, async () => {
      const server = processes.all[0] as TestServer;
      const { person, question, allow, deny } = await newProbe(server, world, names, kind);
      await expectOk(allow(server));
      for (const each of processes.all) await each.application.platform.log.catchUp();
      return {
        person,
        use: async (at) => {
          const answer = await at.call(`POST ${iam}/authorization/check`, { token: person.token, body: question });
          return { ...answer, status: answer.body.isAuthorized ? 200 : 403 };
        },
        take: deny,
        refusal: [403],
      };
    }).finally(() => installModel(processes.all[0] as TestServer, world, names)),
  );
});
