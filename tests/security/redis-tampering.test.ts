/** Attack 47 of docs/security/attacks.md. */
import { expectOk } from "@gatehouse/testing/answers.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { times } from "@gatehouse/testing/lanes.ts";
import { newPerson, type Person } from "@gatehouse/testing/people.ts";
import { type Processes, startProcesses } from "@gatehouse/testing/processes.ts";
import { type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import type { TestServer } from "@gatehouse/testing/server.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { revocationBoundMs } from "../../packages/server/src/platform/log/follower.ts";

/** An attacker who may write to Redis and has no key. */
describeOnPostgresql("an attacker who writes to Redis", () => {
  let processes: Processes;
  let redis: OwnRedis;
  let world: World;
  let mallory: Person;
  const reasons = new Set<string>();
  const said: string[] = [];
  beforeAll(async () => {
    redis = await startRedis();
    processes = await startProcesses(2, 1, { REDIS_URL: redis.url });
    const [server] = processes.all as [TestServer];
    world = await World.on(server, twoTenants);
    mallory = await newPerson(server);
    await expectOk(users(server, world.administrator));
    await server.application.settled();
  }, 240_000);
  afterAll(async () => {
    await processes?.close();
    await redis?.close();
  }, 60_000);

  const users = (server: TestServer, by: Person) => server.call("GET /api/v1/users", { token: by.token });
  const generation = async (): Promise<string> => ((await redis.raw.get("iam:projection:watermark")) ?? "").split(" ")[0] as string;
  const own = () => `iam:membership:user:${mallory.id}:internal`;
  const administrators = () => `iam:membership:user:${world.administrator.id}:internal`;
  /** The statuses of a process without caches. */
  const statusesOf = async (by: Person): Promise<readonly number[]> => {
    const fresh = await (processes.all[0] as TestServer).startAnother();
    try {
      const statuses: number[] = [];
      for (const server of [...processes.all, fresh]) for (const _ of times(2)) statuses.push((await users(server, by)).status);
      const { values } = await fresh.application.platform.metrics.distrusted.get();
      for (const { labels, value } of values) if (labels.channel === "redis" && value > 0) reasons.add(String(labels.reason));
      said.push(...fresh.logged.map(({ message }) => String(message)).filter((message) => message.includes("on redis is not trusted")));
      return [...new Set(statuses)];
    } finally {
      await fresh.close();
    }
  };

  it.each([
    ["an entry of the form that a release without codes wrote", async () => `${await generation()} 1 ${roles()}`],
    [
      "an entry with a code that is made up",
      async () => `${await generation()} 1 9999999999999 AAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA ${roles()}`,
    ],
    ["the administrator's entry under another key", async () => (await redis.raw.get(administrators())) as string],
    [
      "the administrator's entry with another version",
      async () => ((await redis.raw.get(administrators())) as string).replace(/^(\S+) \d+ /, "$1 99999999 "),
    ],
  ])("%s gives no permission", { timeout: 60_000 }, async (_what, text) => {
    await users(processes.all[1] as TestServer, world.administrator);
    const written = await text();
    expect(written).not.toBe("null");
    await redis.raw.set(own(), written);
    expect(await statusesOf(mallory)).toEqual([403]);
  });

  it("a replayed Redis entry does not restore a revoked permission", { timeout: 60_000 }, async () => {
    const [server, other] = processes.all as [TestServer, TestServer];
    const assign = (roleId: string) =>
      expectOk(server.call(`PUT /api/v1/iam/internal/memberships/${mallory.id}`, { token: world.administrator.token, body: { roleId } }));
    await redis.raw.del(own());
    await assign(world.administratorRoleId);
    const fresh = await server.startAnother();
    await expect.poll(() => users(fresh, mallory).then(({ status }) => status), { timeout: 10_000 }).toBe(200);
    await expect.poll(() => redis.raw.get(own()), { timeout: 10_000 }).toContain(world.administratorRoleId);
    const genuine = (await redis.raw.get(own())) as string;
    await assign(world.internalRoleId);
    await server.application.settled();
    await expect.poll(() => redis.raw.get(own()), { timeout: 10_000 }).not.toBe(genuine);
    // Its generation goes on: the mark is of the newest write, and the code is right.
    await redis.raw.set(own(), genuine);
    for (const each of [fresh, server, other]) {
      // Each process observes the change within the revocation bound; from then on it takes no older entry.
      await expect.poll(() => users(each, mallory).then(({ status }) => status), { timeout: 10 * revocationBoundMs }).toBe(403);
      for (const _ of times(2)) expect((await users(each, mallory)).status).toBe(403);
    }
    await fresh.close();
  });

  it("a forged watermark and values of a forged generation give no permission", { timeout: 60_000 }, async () => {
    await redis.raw.set("iam:projection:watermark", "mine 999999");
    await redis.raw.set(own(), `mine 1 ${roles()}`);
    expect(await statusesOf(mallory)).toEqual([403]);
  });

  it("forged role rules, statuses and policies give no permission", { timeout: 60_000 }, async () => {
    const now = await generation();
    for (const key of await redis.raw.keys("iam:*")) {
      const value = await redis.raw.get(key).catch(() => null);
      if (value?.includes("{")) await redis.raw.set(key, `${now} 99999999 {"status":"active","roleIds":[],"permissions":[],"model":{}}`);
    }
    expect(await statusesOf(mallory)).toEqual([403]);
    expect(await statusesOf(world.administrator)).toEqual([200]);
  });

  it("tampering with Redis is counted and logged", () => {
    expect([...reasons]).toEqual(expect.arrayContaining(["forged", "unknown_key", "unsigned"]));
    expect(said.length).toBeGreaterThan(0);
  });

  const roles = (): string => JSON.stringify({ roleIds: [world.administratorRoleId], attributes: {} });
});
