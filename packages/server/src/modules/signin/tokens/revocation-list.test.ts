import { expectOk } from "@gatehouse/testing/answers.ts";
import { joinAs, newOrganization, newPerson, rolesOf } from "@gatehouse/testing/people.ts";
import { describeOnRedis, type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { asOperator, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { decodedPart, signInWithTokens } from "@gatehouse/testing/tokens.ts";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";

describeOnRedis("the revocation list in Redis", () => {
  let redis: OwnRedis;
  let client: Redis;
  let server: TestServer;
  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.url);
    server = await startTestServer({ REDIS_URL: redis.url });
  });
  afterAll(async () => {
    client?.disconnect();
    await server?.close();
    await redis?.close();
  });

  /** The value and the remaining seconds of a key, once it is there. */
  async function entry(key: string): Promise<{ readonly at: number; readonly ttl: number }> {
    await expect.poll(() => client.exists(key), { timeout: 15_000 }).toBe(1);
    return { at: Number(await client.get(key)), ttl: await client.ttl(key) };
  }

  it("has a revoked token, an ended session, a suspended user and a removed member, until their tokens have expired", async () => {
    const organization = await newOrganization(server);
    const { owner, id } = organization;
    const tokens = await signInWithTokens(server, owner.email, id);
    const { jti, iat } = decodedPart(tokens.accessToken, 1);
    await expectOk(server.call("POST /api/v1/token/revoke", { body: { token: tokens.accessToken } }));
    const revoked = await entry(`revoked:${jti}`);
    expect(revoked.at).toBeGreaterThanOrEqual(iat);
    expect(revoked.ttl).toBeGreaterThan(800);
    expect(revoked.ttl).toBeLessThanOrEqual(900);

    const { sid } = decodedPart(tokens.accessToken, 1);
    await expectOk(server.call("POST /api/v1/iam/auth/logout", { token: tokens.sessionToken }));
    await entry(`revoked:session:${sid}`);

    const member = await newPerson(server, "member");
    const membership = await joinAs(server, organization, member, (await rolesOf(server, organization))["Member"] as string);
    await expectOk(server.call(`DELETE /api/v1/iam/organizations/${id}/memberships/${membership.id}`, { token: owner.token }));
    await entry(`revoked:member:${id}:${member.id}`);
    await asOperator(server, "tenancy.setUserStatus", { userId: member.id, status: "Suspended" });
    await entry(`revoked:user:${member.id}`);
  });
});
