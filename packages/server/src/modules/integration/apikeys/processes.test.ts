import { newOrganization, type OrganizationOf, unique } from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, backend, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { revocationBoundMs } from "#platform/log/follower.ts";
import { type ApiKeyState, apikeys } from "./index.ts";

const keys = "/api/v1/api-keys";

describe.runIf(backend === "postgresql")("a second process on the same database (PostgreSQL only: PGlite has one process)", () => {
  let first: TestServer;
  let second: TestServer;
  let organization: OrganizationOf;
  beforeAll(async () => {
    first = await startTestServer();
    second = await first.startAnother();
    organization = await newOrganization(first);
  });
  afterAll(async () => {
    await second.close();
    await first.close();
  });

  const owner = () => organization.owner.token;
  const post = (on: TestServer, route: string, body: object = {}) => on.call(`POST ${keys}${route}`, { token: owner(), body });
  async function newKey(fields: object = {}): Promise<AnyBody> {
    const body = { organizationId: organization.id, name: `Key ${unique()}`, scopes: ["Organization.ReadMembers"], ...fields };
    const answer = await post(first, "", body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    return answer.body;
  }
  const use = (on: TestServer, key: string): Promise<Answer<AnyBody>> =>
    on.call(`GET /api/v1/iam/organizations/${organization.id}/memberships`, { token: key });

  it.each<[string, (key: AnyBody) => Promise<Answer<AnyBody>>]>([
    ["a revocation", ({ id }) => post(first, `/${id}/revoke`)],
    ["a rotation without overlap", ({ id }) => post(first, `/${id}/rotate`, { overlapSeconds: 0 })],
    ["a leak report", ({ key }) => post(first, "/report-leaked", { key })],
  ])("the second process refuses a key within the revocation bound after %s", async (_what, end) => {
    const key = await newKey();
    await expect.poll(async () => (await use(second, key.key)).status, { timeout: 10_000 }).toBe(200);
    const answer = await end(key);
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    const sinceEnd = startStopwatch();
    await expect.poll(async () => (await use(second, key.key)).status, { interval: 5, timeout: 60_000 }).toBe(401);
    expect(sinceEnd.idleMs()).toBeLessThan(revocationBoundMs);
  });

  it("of concurrent rotations one succeeds", async () => {
    const { id } = await newKey();
    const answers = await Promise.all(Array.from({ length: 16 }, (_, index) => post(index % 2 ? first : second, `/${id}/rotate`)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409]));
  });

  it("concurrent leak reports revoke once", async () => {
    const { id, key } = await newKey();
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, index) => post(index % 2 ? first : second, "/report-leaked", { key })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(202));
    expect((await first.call(`GET ${keys}/${id}`, { token: owner() })).body).toMatchObject({ version: 2, revokedReason: "leaked" });
  });

  it("usage is the sum of both processes", async () => {
    const { id, key } = await newKey();
    for (const on of [first, second, second]) expect((await use(on, key)).status).toBe(200);
    for (const on of [first, second]) await on.application.kernel.stateOf<ApiKeyState>(apikeys).usage.flush();
    const usage = await first.call(`GET ${keys}/${id}/usage`, { token: owner() });
    expect(usage.body.items).toMatchObject([{ operation: "tenancy.listMemberships", status: 200, calls: 3 }]);
  });
});

describe.runIf(backend === "pglite")("a second process on the embedded database", () => {
  it.skip("is not possible: PGlite has one process (run with TEST_BACKEND=postgresql)", () => {});
});
