import { expectOk } from "@gatehouse/testing/answers.ts";
import { newClient } from "@gatehouse/testing/clients.ts";
import { newOrganization, type OrganizationOf } from "@gatehouse/testing/people.ts";
import { type AnyBody, backend, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReadHandle } from "#platform/database/database.ts";
import { revocationBoundMs } from "#platform/log/follower.ts";
import type { ClientCache } from "./client-cache.ts";
import { type OpenidState, openid } from "./index.ts";

describe.runIf(backend === "postgresql")("a second process on the same database (PostgreSQL only: PGlite has one process)", () => {
  let first: TestServer;
  let second: TestServer;
  let cache: ClientCache;
  let organization: OrganizationOf;
  beforeAll(async () => {
    first = await startTestServer();
    second = await first.startAnother();
    organization = await newOrganization(first);
    const { kernel, platform } = second.application;
    cache = kernel.stateOf<OpenidState>(openid).clients;
    cache.start((db: ReadHandle) => kernel.apisFor(openid, { db, now: new Date(platform.clock.now()) }) as never);
  });
  afterAll(async () => {
    await second.close();
    await first.close();
  });

  const call = (route: string, body?: object): Promise<AnyBody> =>
    expectOk(first.call(route, { token: organization.owner.token, ...(body === undefined ? {} : { body }) }));
  const accepts = async ({ id, clientSecret }: AnyBody): Promise<boolean> => cache.verifySecret(await cache.find(id), clientSecret);

  it.each<[string, (client: AnyBody) => Promise<AnyBody>]>([
    ["a suspension", ({ id }) => call(`PATCH /api/v1/clients/${id}`, { status: "Suspended" })],
    ["a deletion", ({ id }) => call(`DELETE /api/v1/clients/${id}`)],
    ["a rotation without an overlap", ({ id }) => call(`POST /api/v1/clients/${id}/secrets`, { overlapSeconds: 0 })],
    ["a deletion of the secret", ({ id, secrets }) => call(`DELETE /api/v1/clients/${id}/secrets/${secrets[0].id}`)],
  ])("the second process refuses a client secret within the revocation bound after %s", async (_what, end) => {
    const client = await newClient(first, organization.owner.token, { organizationId: organization.id });
    await expect.poll(() => accepts(client), { timeout: 10_000 }).toBe(true);
    await end(client);
    const sinceEnd = startStopwatch();
    await expect.poll(() => accepts(client), { interval: 5, timeout: 60_000 }).toBe(false);
    expect(sinceEnd.idleMs()).toBeLessThan(revocationBoundMs);
  });
});

describe.runIf(backend === "pglite")("a second process on the embedded database", () => {
  it.skip("is not possible: PGlite has one process (run with TEST_BACKEND=postgresql)", () => {});
});
