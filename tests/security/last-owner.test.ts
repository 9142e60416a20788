/** Attack 24 of docs/security/attacks.md. */

import { expectOk } from "@gatehouse/testing/answers.ts";
import { describeOnPglite, describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { inLanes, times } from "@gatehouse/testing/lanes.ts";
import { joinAs, newAdministrator, newOrganization, newPerson, type Person, signIn } from "@gatehouse/testing/people.ts";
import { untilAvailable } from "@gatehouse/testing/requests.ts";
import type { Answer, AnyBody, Backend, TestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { expect, it } from "vitest";

/** Two people with the highest role, and the ways to remove and restore it. */
interface Pair {
  readonly people: readonly [Person, Person];
  remove(by: Person, whom: Person): Promise<Answer<AnyBody>>;
  demote(by: Person, whom: Person): Promise<Answer<AnyBody>>;
  /** The holders of the highest role, from the database. */
  holders(): Promise<readonly string[]>;
  /** Whether a decision allows a person to use it. */
  mayRule(person: Person): Promise<boolean>;
  restore(by: Person, whom: Person): Promise<void>;
}

type Move = (pair: Pair, by: Person, whom: Person) => Promise<Answer<AnyBody>>;
const remove: Move = (pair, by, whom) => pair.remove(by, whom);
const demote: Move = (pair, by, whom) => pair.demote(by, whom);

/** Possible answers to the loser: last owner, no longer a member, no permission, or unknown target. */
const refusals = [401, 403, 404, 409];

async function round(pair: Pair, moves: readonly [Move, Move]): Promise<void> {
  const [one, other] = pair.people;
  const answers = await Promise.all([untilAvailable(() => moves[0](pair, one, other)), untilAvailable(() => moves[1](pair, other, one))]);
  const outcomes = answers.map(({ status, body }) => `${status} ${body?.error?.code ?? ""}`).join(", ");
  expect(answers.filter(({ status }) => status < 300).length, outcomes).toBe(1);
  expect(
    answers.every(({ status }) => status < 300 || refusals.includes(status)),
    outcomes,
  ).toBe(true);
  const left = await pair.holders();
  expect(left.length, outcomes).toBe(1);
  const [survivor, loser] = left[0] === one.id ? [one, other] : [other, one];
  expect(left).toEqual([survivor.id]);
  expect([await pair.mayRule(survivor), await pair.mayRule(loser)], outcomes).toEqual([true, false]);
  await pair.restore(survivor, loser);
}

const assigned = async (server: TestServer, roleId: string): Promise<string[]> => {
  const { owner } = server.application.platform.database;
  const rows = await owner.selectFrom("role_assignments").select("user_id").where("role_id", "=", roleId).execute();
  return rows.map((row) => row["user_id"] as string);
};

async function owners(server: TestServer): Promise<Pair> {
  const [one, other] = [await newPerson(server, "owner"), await newPerson(server, "owner")];
  const { id } = await newOrganization(server, one);
  const { items } = await expectOk(server.call(`GET /api/v1/iam/roles?organizationId=${id}`, { token: one.token }));
  const role = (name: string): string => items.find((item: AnyBody) => item.name === name).id;
  const memberships = new Map<string, string>();
  const enter = async (by: Person, whom: Person): Promise<void> => {
    const joined = await joinAs(server, { id, owner: by }, whom, role("Owner"));
    memberships.set(whom.id, joined.id);
  };
  await enter(one, other);
  const members = await expectOk(server.call(`GET /api/v1/iam/organizations/${id}/memberships`, { token: one.token }));
  for (const member of members.items) memberships.set(member.userId, member.id);
  const at = (person: Person) => `/api/v1/iam/organizations/${id}/memberships/${memberships.get(person.id)}`;
  const give = (by: Person, whom: Person, name: string) =>
    server.call(`PUT ${at(whom)}`, { token: by.token, body: { roleId: role(name) } });
  return {
    people: [one, other],
    remove: (by, whom) => server.call(`DELETE ${at(whom)}`, { token: by.token }),
    demote: (by, whom) => give(by, whom, "Member"),
    holders: () => assigned(server, role("Owner")),
    async mayRule(person) {
      const body = { userId: person.id, tenantId: id, actionType: "Organization.ManageOwners" };
      const check = () => server.call<AnyBody>("POST /api/v1/iam/authorization/check", { token: person.token, body });
      return (await expectOk(untilAvailable(check))).isAuthorized;
    },
    async restore(by, whom) {
      const { status } = await untilAvailable(() => give(by, whom, "Owner"));
      if (status === 404) await enter(by, whom);
      else expect(status).toBe(200);
    },
  };
}

async function administrators(server: TestServer): Promise<Pair> {
  const [one, other] = [await newAdministrator(server), await newAdministrator(server)];
  const { items } = await expectOk(server.call("GET /api/v1/iam/roles", { token: one.token }));
  const administrator = items.find((item: AnyBody) => item.name === "Administrator").id;
  const lower = await expectOk(server.call("POST /api/v1/iam/roles", { token: one.token, body: { name: "Clerk", scope: "Internal" } }));
  const at = (person: Person) => `/api/v1/iam/internal/memberships/${person.id}`;
  const give = (by: Person, whom: Person, roleId: string) => server.call(`PUT ${at(whom)}`, { token: by.token, body: { roleId } });
  return {
    people: [one, other],
    remove: (by, whom) => server.call(`DELETE ${at(whom)}`, { token: by.token }),
    demote: (by, whom) => give(by, whom, lower.id),
    holders: () => assigned(server, administrator),
    async mayRule(person) {
      const body = { userId: person.id, actionType: "InternalMember.Manage" };
      const check = () => server.call<AnyBody>("POST /api/v1/iam/authorization/check", { token: person.token, body });
      return (await expectOk(untilAvailable(check))).isAuthorized;
    },
    restore: async (by, whom) => void expect((await untilAvailable(() => give(by, whom, administrator))).status).toBe(200),
  };
}

function suite(backend: Backend, rounds: number): void {
  const server = serverOfSuite({ GATEHOUSE_SIGN_IN_LIMIT: "off" }, backend);

  const lanes = 4;
  const fight = async (make: (server: TestServer) => Promise<Pair>, width: number, moves: readonly [Move, Move]): Promise<void> => {
    const pairs = await Promise.all(times(width).map(() => make(server)));
    await inLanes(times(rounds), width, (_round, lane) => round(pairs[lane] as Pair, moves));
  };

  it(`two owners who remove each other at once leave one, ${rounds} rounds`, { timeout: 180_000 }, () =>
    fight(owners, lanes, [remove, remove]),
  );
  it(`two owners who take each other's role at once leave one, ${rounds} rounds`, { timeout: 180_000 }, () =>
    fight(owners, lanes, [demote, demote]),
  );
  it(`an owner who removes and one who takes the role leave one, ${rounds} rounds`, { timeout: 180_000 }, () =>
    fight(owners, lanes, [remove, demote]),
  );
  // There is one internal scope, so these rounds run one after the other.
  it(`two administrators who bring each other down at once leave one, ${rounds} rounds`, { timeout: 180_000 }, async () => {
    const pair = await administrators(server);
    const mixes = [
      [remove, remove],
      [demote, demote],
      [remove, demote],
    ] as const;
    for (const index of times(rounds)) await round(pair, mixes[index % mixes.length] as readonly [Move, Move]);
  });

  it("two administrators who suspend each other at once leave one that can sign in", { timeout: 60_000 }, async () => {
    const [one, other] = [await newAdministrator(server), await newAdministrator(server)];
    const set = (by: Person, whom: Person, status: string) =>
      server.call(`PATCH /api/v1/users/${whom.id}`, { token: by.token, body: { status } });
    const rescuer = await newAdministrator(server);
    for (const _ of times(Math.min(rounds, 30))) {
      const [first, second] = [
        { ...one, token: await signIn(server, one.email) },
        { ...other, token: await signIn(server, other.email) },
      ];
      const answers = await Promise.all([set(first, second, "Suspended"), set(second, first, "Suspended")]);
      expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
      for (const whom of [one, other]) expect((await set(rescuer, whom, "Active")).status).toBe(200);
    }
  });

  it("the administrator who is left is one that can sign in", async () => {
    const { owner } = server.application.platform.database;
    const [one, other] = [await newAdministrator(server), await newAdministrator(server)];
    const rest = await owner.selectFrom("memberships").select("user_id").where("organization_id", "is", null).execute();
    for (const { user_id: id } of rest as { user_id: string }[]) {
      if (id !== one.id && id !== other.id) await server.call(`DELETE /api/v1/iam/internal/memberships/${id}`, { token: one.token });
    }
    const suspended = await server.call(`PATCH /api/v1/users/${other.id}`, { token: one.token, body: { status: "Suspended" } });
    expect(suspended.status).toBe(200);
    expect((await server.call(`DELETE /api/v1/iam/internal/memberships/${one.id}`, { token: one.token })).status).toBe(409);
  });
}

describeOnPostgresql("two owners or administrators who remove each other", () => suite("postgresql", 200));
describeOnPglite("two owners or administrators who remove each other", () => suite("pglite", 8));
