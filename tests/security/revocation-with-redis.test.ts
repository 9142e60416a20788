/** Attack 31 of docs/security/attacks.md. */

import { expectOk } from "@gatehouse/testing/answers.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { times } from "@gatehouse/testing/lanes.ts";
import { joinAs, newPerson } from "@gatehouse/testing/people.ts";
import { type Processes, refusedWithin, startProcesses } from "@gatehouse/testing/processes.ts";
import { type Wire, wireTo } from "@gatehouse/testing/proxy.ts";
import { type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import type { Answer, AnyBody, TestServer } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, expect, it } from "vitest";

const iam = "/api/v1/iam";
const rounds = 6;
const action = "Organization.InviteMember";

describeOnPostgresql("revocation on three processes that share a Redis snapshot", () => {
  let processes: Processes;
  let redis: OwnRedis;
  let wire: Wire;
  let world: World;
  let subject: { readonly userId: string; readonly membershipId: string };
  beforeAll(async () => {
    redis = await startRedis();
    wire = await wireTo(redis.url);
    processes = await startProcesses(3, 2, { REDIS_URL: wire.url });
    const server = processes.all[0] as TestServer;
    world = await World.on(server);
    const person = await newPerson(server, "subject");
    subject = {
      userId: person.id,
      membershipId: (await joinAs(server, world.own.organization, person, world.own.roles["Admin"] as string)).id,
    };
    for (const each of processes.all) await expectOk(check(each));
  }, 180_000);
  afterAll(async () => {
    await processes?.close();
    await wire?.close();
    await redis?.close();
  }, 60_000);

  const give = (server: TestServer, role: string): Promise<AnyBody> =>
    expectOk(
      server.call(`PUT ${iam}/organizations/${world.own.id}/memberships/${subject.membershipId}`, {
        token: world.own.owner.token,
        body: { roleId: world.own.roles[role] },
      }),
    );
  const check = (server: TestServer): Promise<Answer<AnyBody>> =>
    server.call(`POST ${iam}/authorization/check`, {
      token: world.administrator.token,
      body: { userId: subject.userId, tenantId: world.own.id, actionType: action },
    });
  const decided = (server: TestServer) => check(server).then(({ body }) => body.isAuthorized === true);

  /** Grants, expects access everywhere, injects `fault`, revokes, and expects refusal everywhere within the bound and afterwards. */
  async function expectTaken(issue: (round: number) => Promise<void>): Promise<void> {
    for (const round of times(rounds)) {
      const writer = processes.all[round % processes.all.length] as TestServer;
      await give(writer, "Admin");
      for (const server of processes.all) await expect.poll(() => decided(server), { timeout: 10_000, interval: 10 }).toBe(true);
      await issue(round);
      await give(writer, "Member");
      await Promise.all(
        processes.all.map((server, index) => refusedWithin(`process ${index}`, async () => (await decided(server)) === false)),
      );
      for (const server of processes.all) for (const _ of times(3)) expect(await decided(server)).toBe(false);
    }
  }

  it("a revoked right is refused within the bound while Redis is there", { timeout: 120_000 }, async () => {
    await expectTaken(async () => {});
    const { generation } = await watermark();
    expect(generation).toBeTruthy();
  });

  it("a revoked right is refused while Redis hangs, and once it answers again with what it held", { timeout: 120_000 }, async () => {
    await expectTaken(async (round) => (round % 2 === 0 ? wire.hold() : wire.release()));
    wire.release();
  });

  it("a revoked right is refused while Redis is gone, and once it is back", { timeout: 120_000 }, async () => {
    await expectTaken((round) => (round % 2 === 0 ? wire.cut() : wire.mend()));
  });

  it("a revoked right is refused while Redis is flushed", { timeout: 120_000 }, async () => {
    await expectTaken(async () => void (await redis.raw.flushall()));
  });

  it("a revoked right is refused when Redis was restored to an older state that still holds it", { timeout: 120_000 }, async () => {
    let before: readonly (readonly [string, string | null])[] = [];
    await expectTaken(async () => {
      const keys = (await redis.raw.keys("iam:*")).filter((key) => !key.startsWith("iam:l"));
      before = await Promise.all(keys.map(async (key) => [key, await redis.raw.get(key)] as const));
    });
    for (const [key, value] of before) await redis.raw.set(key, value as string);
    for (const server of processes.all) for (const _ of times(3)) expect(await decided(server)).toBe(false);
  });

  it("a restored Redis snapshot comes to the database's revision by itself, in one generation", { timeout: 60_000 }, async () => {
    const number = async (): Promise<boolean> => {
      const one = await watermark();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const other = await watermark();
      return one.generation !== undefined && one.generation === other.generation;
    };
    await expect.poll(number, { timeout: 20_000 }).toBe(true);
  });

  async function watermark(): Promise<{ readonly generation: string | undefined; readonly number: number }> {
    const [generation, number] = ((await redis.raw.get("iam:projection:watermark")) ?? "").split(" ");
    return { generation: generation || undefined, number: Number(number) };
  }
});
