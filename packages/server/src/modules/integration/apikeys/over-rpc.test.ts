import { newOrganization, type OrganizationOf } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { newApiKey } from "@gatehouse/testing/service-accounts.ts";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveOverRpc } from "#operation/rpc/client.ts";
import { respond } from "#operation/rpc/responder.ts";
import { inProcessRpc } from "#platform/rpc/in-process.ts";
import { gatewayServer } from "#runtime/server.ts";

describe("a call with a key through a gateway", () => {
  let server: TestServer;
  let gateway: FastifyInstance;
  let organization: OrganizationOf;
  beforeAll(async () => {
    server = await startTestServer({}, undefined, { topology: "together" });
    const { catalogue, platform, serve } = server.application;
    const rpc = inProcessRpc();
    for (const kind of ["query", "command"] as const) {
      const { publicUrl } = platform.settings;
      const answering = { log: platform.log, database: platform.database, serviceCalls: "refuse", publicUrl } as const;
      await respond(kind, { rpc, catalogue, serve, ...answering, report: () => {} });
    }
    const gatewayParts = {
      catalogue,
      platform: { ...platform, rpc },
      serve: serveOverRpc(rpc, catalogue),
      httpApps: [],
      inbox: undefined,
      stop: async () => {},
    };
    gateway = gatewayServer(gatewayParts, server.configuration, { stage: "running" });
    await gateway.ready();
    organization = await newOrganization(server);
  });
  afterAll(async () => {
    await gateway.close();
    await server.close();
  });

  const newKey = (fields: object) => newApiKey(server, organization.owner.token, { organizationId: organization.id, ...fields });
  const use = (key: string, remoteAddress = "10.0.0.1") =>
    gateway.inject({ url: `/api/v1/iam/organizations/${organization.id}`, headers: { "x-api-key": key }, remoteAddress });

  it("rate limits are counted in the answering process, and the gateway returns their state", async () => {
    const { key } = await newKey({ rateLimit: { requests: 2, seconds: 600 } });
    const first = await use(key);
    expect(first.statusCode).toBe(200);
    expect(first.headers["ratelimit-policy"]).toBe('"default";q=6000;w=60, "key";q=2;w=600');
    expect(first.headers["ratelimit"]).toMatch(/"key";r=1;t=600$/);
    const denied = await gateway.inject({ url: "/api/v1/iam/users/me", headers: { "x-api-key": key } });
    expect(denied.statusCode).toBe(403);
    expect(denied.headers["ratelimit"]).toMatch(/"key";r=0;t=/);
    const limited = await use(key);
    expect(limited.statusCode).toBe(429);
    expect(limited.headers["ratelimit"]).toMatch(/"key";r=0;t=/);
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0);
  });

  it("networks apply to the address of the client at the gateway", async () => {
    const { key } = await newKey({ allowedNetworks: ["10.0.0.0/8"] });
    expect((await use(key)).statusCode).toBe(200);
    const refused = await use(key, "192.0.2.1");
    expect([refused.statusCode, refused.json().error.code]).toEqual([403, "apikeys.address_not_allowed"]);
  });
});
