import { expectOk } from "@gatehouse/testing/answers.ts";
import { newOrganization, type OrganizationOf } from "@gatehouse/testing/people.ts";
import { describeOnRedis, type OwnRedis, startRedis } from "@gatehouse/testing/redis.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { newApiKey } from "@gatehouse/testing/service-accounts.ts";
import { afterAll, beforeAll, expect, it } from "vitest";

describeOnRedis("rate limits of keys in two processes that share a Redis", () => {
  let redis: OwnRedis;
  let first: TestServer;
  let second: TestServer;
  let organization: OrganizationOf;
  beforeAll(async () => {
    redis = await startRedis();
    first = await startTestServer({ REDIS_URL: redis.url });
    second = await first.startAnother();
    organization = await newOrganization(first);
  });
  afterAll(async () => {
    await second?.close();
    await first?.close();
    await redis?.close();
  });

  const use = (on: TestServer, token: string) => on.call(`GET /api/v1/iam/organizations/${organization.id}`, { token });
  const newKey = (fields: object) => newApiKey(first, organization.owner.token, { organizationId: organization.id, ...fields });

  it("rate limits are exact for 16 concurrent calls on both processes", async () => {
    const { key } = await newKey({ rateLimit: { requests: 5, seconds: 600 } });
    const answers = await Promise.all(Array.from({ length: 16 }, (_, index) => use(index % 2 ? first : second, key)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(11);
  });

  it("a key and its successor share rate limits on both processes", async () => {
    const { key, id } = await newKey({ rateLimit: { requests: 2, seconds: 600 } });
    const rotated = await expectOk(second.call(`POST /api/v1/api-keys/${id}/rotate`, { token: organization.owner.token, body: {} }));
    expect((await use(first, key)).status).toBe(200);
    expect((await use(second, rotated.key)).headers["ratelimit"]).toMatch(/"key";r=0;t=/);
    expect([(await use(first, rotated.key)).status, (await use(second, key)).status]).toEqual([429, 429]);
  });
});
