/** Attack 32 of docs/security/attacks.md. */

import { expectOk } from "@gatehouse/testing/answers.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { inLanes, times } from "@gatehouse/testing/lanes.ts";
import { joinAs, newPerson } from "@gatehouse/testing/people.ts";
import { type Processes, refusedWithin, startProcesses } from "@gatehouse/testing/processes.ts";
import type { Answer, AnyBody, TestServer } from "@gatehouse/testing/server.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { installProbes, isShared, kinds, newProbe, type Probe, type ProbeNames } from "./support/probe.ts";

const iam = "/api/v1/iam";
const isLong = process.env["TEST_LONG"] === "1";
const rounds = isLong ? 2_000 : 300;
const lanes = 40;
const roundsWithoutRevision = 60;
const policyRounds = isLong ? 200 : 40;
const action = "Organization.InviteMember";

interface Subject {
  readonly userId: string;
  readonly membershipId: string;
}

describeOnPostgresql("denials on another process", () => {
  let processes: Processes;
  let world: World;
  let names: ProbeNames;
  const subjects: Subject[] = [];
  beforeAll(async () => {
    processes = await startProcesses(2, 1);
    const server = processes.all[0] as TestServer;
    world = await World.on(server, twoTenants);
    names = await installProbes(server, world);
    for (const _ of times(lanes)) {
      const person = await newPerson(server, "subject");
      subjects.push({
        userId: person.id,
        membershipId: (await joinAs(server, world.own.organization, person, world.own.roles["Admin"] as string)).id,
      });
    }
  });
  afterAll(() => processes?.close());

  const give = async (server: TestServer, { membershipId }: Subject, role: string): Promise<string> => {
    const { own } = world;
    const answer = await server.call(`PUT ${iam}/organizations/${own.id}/memberships/${membershipId}`, {
      token: own.owner.token,
      body: { roleId: own.roles[role] },
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.headers["x-gatehouse-revision"] as string;
  };
  const check = (server: TestServer, { userId }: Subject, minRevision?: string): Promise<Answer<AnyBody>> =>
    server.call(`POST ${iam}/authorization/check`, {
      token: world.administrator.token,
      body: { userId, tenantId: world.own.id, actionType: action, ...(minRevision === undefined ? {} : { minRevision }) },
    });

  it(`a denial is decided at its revision by another process at once: ${rounds} rounds`, { timeout: 240_000 }, async () => {
    const allowed: string[] = [];
    const unanswered: string[] = [];
    await inLanes(times(rounds), lanes, async (round, lane) => {
      const subject = subjects[lane] as Subject;
      const [here, there] = round % 2 ? processes.all : [...processes.all].reverse();
      const denial = await give(here as TestServer, subject, "Member");
      const denied = await check(there as TestServer, subject, denial);
      if (denied.status !== 200) unanswered.push(`round ${round}: ${denied.status} ${JSON.stringify(denied.body)}`);
      else if (denied.body.isAuthorized) allowed.push(`round ${round} at revision ${denial}`);
      const grant = await give(here as TestServer, subject, "Admin");
      const granted = await check(there as TestServer, subject, grant);
      if (granted.status !== 200 || !granted.body.isAuthorized)
        unanswered.push(`round ${round}: ${granted.status} ${JSON.stringify(granted.body)}`);
    });
    expect(allowed).toEqual([]);
    expect(unanswered).toEqual([]);
  });

  it(`a denial is decided without a revision within the bound and never undone: ${roundsWithoutRevision} rounds`, {
    timeout: 60_000,
  }, async () => {
    await inLanes(times(roundsWithoutRevision), 4, async (_round, lane) => {
      const subject = subjects[lane] as Subject;
      const [here, there] = processes.all as [TestServer, TestServer];
      const revision = await give(here, subject, "Admin");
      expect((await check(there, subject, revision)).body.isAuthorized).toBe(true);
      await give(here, subject, "Member");
      await refusedWithin("the right", async () => !(await check(there, subject)).body.isAuthorized);
      for (const _ of times(5)) expect((await check(there, subject)).body.isAuthorized).toBe(false);
    });
  });

  it.each(kinds)(
    `a denial of %s is decided at its revision by another process at once: ${policyRounds} rounds`,
    { timeout: 120_000 },
    async (kind) => {
      const server = processes.all[0] as TestServer;
      const width = isShared(kind) ? 1 : 4;
      const probes = await Promise.all(times(width).map(() => newProbe(server, world, names, kind)));
      const wrong: string[] = [];
      const ask = async (at: TestServer, probe: Probe, written: Answer<AnyBody>): Promise<Answer<AnyBody>> => {
        expect(written.status, JSON.stringify(written.body)).toBeLessThan(300);
        const minRevision = written.headers["x-gatehouse-revision"];
        expect(minRevision).toMatch(/^\d+$/);
        return at.call(`POST ${iam}/authorization/check`, { token: world.administrator.token, body: { ...probe.question, minRevision } });
      };
      await inLanes(times(policyRounds), width, async (round, lane) => {
        const probe = probes[lane] as Probe;
        const [here, there] = (round % 2 ? processes.all : [...processes.all].reverse()) as [TestServer, TestServer];
        for (const [write, allowed] of [
          [probe.allow, true],
          [probe.deny, false],
        ] as const) {
          const { status, body } = await ask(there, probe, await write(here));
          if (status !== 200 || body.isAuthorized !== allowed) wrong.push(`round ${round}, ${allowed}: ${status} ${JSON.stringify(body)}`);
        }
      });
      // Restores the model for the other probes.
      await probes[0]?.allow(server);
      expect(wrong).toEqual([]);
    },
  );

  it("a check at a revision that no write has reached is answered with 503", async () => {
    const answer = await check(processes.all[1] as TestServer, subjects[0] as Subject, "9000000000000000000");
    expect([answer.status, answer.body.error?.code]).toEqual([503, "common.revision_not_reached"]);
    await expectOk(check(processes.all[1] as TestServer, subjects[0] as Subject));
  });
});
