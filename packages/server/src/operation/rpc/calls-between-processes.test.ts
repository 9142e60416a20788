import { randomUUID } from "node:crypto";
import { newOrganization, newPerson, type OrganizationOf, type Person } from "@gatehouse/testing/people.ts";
import { type AnyBody, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inProcessRpc } from "#platform/rpc/in-process.ts";
import { noHeaders, type Rpc } from "#platform/rpc/rpc.ts";
import { gatewayServer } from "#runtime/server.ts";
import { serveInProcess } from "../transport/serve.ts";
import { serveOverRpc } from "./client.ts";
import { respond } from "./responder.ts";

/**
 * A call from a gateway over RPC to the answering process. All adapters satisfy the port's contract, so these tests use the in-process
 * one. The suites with separate processes use NATS.
 */
describe("a call between processes", () => {
  let server: TestServer;
  let rpc: Rpc;
  let http: FastifyInstance;
  let person: Person;
  let organization: OrganizationOf;
  const reported: unknown[] = [];

  beforeAll(async () => {
    server = await startTestServer({}, undefined, { topology: "together" });
    const { catalogue, kernel, platform, authenticate } = server.application;
    rpc = inProcessRpc();
    const serve = serveInProcess(kernel.dispatch, authenticate);
    const { publicUrl } = server.configuration.settings;
    for (const kind of ["query", "command"] as const) {
      const answering = { log: platform.log, database: platform.database, serviceCalls: "refuse", publicUrl } as const;
      await respond(kind, { rpc, catalogue, serve, ...answering, report: (error) => void reported.push(error) });
    }
    const gateway = {
      catalogue,
      platform: { ...platform, rpc },
      serve: serveOverRpc(rpc, catalogue),
      httpApps: [],
      inbox: undefined,
      stop: async () => {},
    };
    http = gatewayServer(gateway, server.configuration, { stage: "running" });
    await http.ready();
    organization = await newOrganization(server);
    person = organization.owner;
  });
  afterAll(async () => {
    await http.close();
    await server.close();
  });

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it("has the same body, status and headers as a call to the process itself", async () => {
    const paths = [
      "/api/v1/iam/users/me",
      "/api/v1/iam/auth/session",
      `/api/v1/iam/organizations/${organization.id}`,
      `/api/v1/iam/organizations/${organization.id}/memberships?limit=1`,
      "/api/v1/iam/organizations?limit=0",
      "/api/v1/iam/organizations/0198c0de-0000-7000-8000-000000000000",
      "/api/v1/iam/permissions?cursor=forged",
      "/api/v1/iam/internal/memberships",
      "/api/v1/nowhere",
    ];
    for (const url of paths) {
      for (const headers of [bearer(person.token), {}, bearer("ghs_unknown")]) {
        const traced = { ...headers, "x-request-id": "compare-1" };
        const [near, far] = [await server.http.inject({ url, headers: traced }), await http.inject({ url, headers: traced })];
        expect(far.statusCode, url).toBe(near.statusCode);
        expect(far.body, url).toBe(near.body);
        for (const name of ["etag", "content-type", "cache-control", "x-request-id", "www-authenticate"]) {
          expect(far.headers[name], `${url} ${name}`).toBe(near.headers[name]);
        }
      }
    }
  });

  it("transfers session cookie, revision, If-Match and Idempotency-Key", async () => {
    const payload = { email: person.email, password: "a quiet green harbour" };
    const signedIn = await http.inject({ method: "POST", url: "/api/v1/iam/auth/login", payload });
    expect(signedIn.statusCode).toBe(200);
    expect(signedIn.headers["set-cookie"]).toContain(signedIn.json().sessionToken);
    expect(signedIn.headers["x-gatehouse-revision"]).toMatch(/^\d+$/);

    const url = "/api/v1/iam/users/me";
    const stale = { ...bearer(person.token), "if-match": '"99"' };
    expect((await http.inject({ method: "PUT", url, headers: stale, payload: { firstName: "Hoa" } })).statusCode).toBe(412);

    const once = { ...bearer(person.token), "idempotency-key": "over-rpc" };
    const create = () => {
      const body = { name: "Over Rpc", slug: `over-rpc-${person.id}`, country: "VN" };
      return http.inject({ method: "POST", url: "/api/v1/iam/organizations", headers: once, payload: body });
    };
    const [first, again] = [await create(), await create()];
    expect(first.statusCode).toBe(201);
    expect(again.body).toBe(first.body);
  });

  it("reads the client's own writes through the same gateway", async () => {
    for (let round = 0; round < 20; round += 1) {
      const firstName = `Name ${round}`;
      const headers = bearer(person.token);
      const written = await http.inject({ method: "PUT", url: "/api/v1/iam/users/me", headers, payload: { firstName } });
      expect(written.statusCode).toBe(200);
      expect((await http.inject({ url: "/api/v1/iam/users/me", headers })).json().firstName).toBe(firstName);
    }
  });

  it("is refused with 400 where its data is nested too deeply", async () => {
    const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
    const body = `{"userId":"${person.id}","actionType":"User.Read","contextData":${deep}}`;
    const headers = { ...bearer(person.token), "content-type": "application/json" };
    const answer = await http.inject({ method: "POST", url: "/api/v1/iam/authorization/check", headers, payload: body });
    expect(answer.statusCode).toBe(400);
  });

  describe("from a service that uses NATS directly", () => {
    const send = async (subject: string, body: string | Buffer): Promise<{ status: number; body: AnyBody }> => {
      const reply = await rpc.request(subject, Buffer.from(body), { timeoutMs: 5_000 });
      return { status: Number(reply.headers["gatehouse-status"] ?? 200), body: JSON.parse(Buffer.from(reply.body).toString() || "null") };
    };
    const check = (more: object = {}) =>
      send(
        "rpc.query.decisions.check",
        JSON.stringify({
          input: { userId: person.id, tenantId: organization.id, actionType: "Organization.Update" },
          credential: { token: person.token, from: "header" },
          ...more,
        }),
      );

    it("is authorized by its credential", async () => {
      expect((await check()).body).toMatchObject({ isAuthorized: true });
      const nonMember = await newPerson(server);
      expect((await check({ credential: { token: nonMember.token, from: "header" } })).status).toBe(403);
      expect(await check({ credential: undefined })).toMatchObject({
        status: 401,
        body: { success: false, error: { code: "auth.credential_required" } },
      });
      expect((await check({ credential: { token: "ghs_x", from: "header" } })).body.error.code).toBe("auth.credential_invalid");
    });

    it.each([
      ["a principal of its own", { principal: { kind: "operator" } }],
      ["an unknown field", { everyTenant: true }],
      ["a time limit of an hour", { timeoutMs: 3_600_000 }],
      ["an origin of half the fields", { origin: { ip: "1.2.3.4" } }],
    ])("is refused with %s", async (_what, more) => {
      expect(await check(more)).toMatchObject({ status: 400, body: { error: { code: "common.validation_failed" } } });
    });

    it.each([
      ["no JSON", "{"],
      ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
      ["a prototype", '{"input":{"__proto__":{"a":1}}}'],
      ["a NUL", '{"input":{"email":"a\\u0000b"}}'],
      ["nothing", ""],
    ])("is refused where its body is %s", async (_what, body) => {
      expect(await send("rpc.query.decisions.check", body)).toMatchObject({
        status: 400,
        body: { error: { code: "common.validation_failed" } },
      });
    });

    it("cannot call an operation without a route, or of the other kind", async () => {
      const body = JSON.stringify({ input: {} });
      for (const subject of [
        "rpc.command.authentication.openSetUp",
        "rpc.query.authentication.createUser",
        "rpc.command.decisions.check",
        "rpc.query.nothing",
      ]) {
        expect((await send(subject, body)).status, subject).toBe(404);
      }
    });

    it("is rate-limited although it has no address", async () => {
      const attempt = () =>
        send("rpc.command.authentication.forgotPassword", JSON.stringify({ input: { email: "nobody@example.com" } })).then(
          ({ status }) => status,
        );
      const statuses: number[] = [];
      for (let round = 0; round < 40; round += 1) statuses.push(await attempt());
      expect(statuses).toContain(429);
      // A caller from another address is not limited by it.
      const own = await server.call("POST /api/v1/iam/auth/forgot-password", { from: "10.9.8.7", body: { email: "nobody@example.com" } });
      expect(own.status).toBe(202);
    });

    /** A port whose requests are not from a process of the installation. */
    const fromOutside = async (serviceCalls: "accept" | "refuse") => {
      const own = inProcessRpc();
      const { kernel, catalogue, platform, authenticate } = server.application;
      const outside: Rpc = {
        ...own,
        serve: (subject, group, handler) => own.serve(subject, group, (request) => handler({ ...request, isAuthentic: false })),
      };
      const serve = serveInProcess(kernel.dispatch, authenticate);
      const answering = { log: platform.log, database: platform.database, serviceCalls, publicUrl: "http://127.0.0.1" };
      for (const kind of ["query", "command"] as const)
        await respond(kind, { rpc: outside, catalogue, serve, ...answering, report: (error) => void reported.push(error) });
      return async (subject: string, call: object): Promise<{ status: number; body: AnyBody }> => {
        const reply = await own.request(subject, Buffer.from(JSON.stringify(call)), { timeoutMs: 5_000 });
        return { status: Number(reply.headers["gatehouse-status"] ?? 200), body: JSON.parse(Buffer.from(reply.body).toString()) };
      };
    };

    it("is refused unless calls of services are accepted", async () => {
      const call = { input: {}, credential: { token: person.token, from: "header" } };
      const refused = await (await fromOutside("refuse"))("rpc.query.identity.getMe", call);
      expect(refused).toMatchObject({ status: 403, body: { error: { code: "common.service_call_refused" } } });
      expect(await (await fromOutside("accept"))("rpc.query.identity.getMe", call)).toMatchObject({ status: 200, body: { id: person.id } });
    });

    it("cannot set its own address: all such calls share one set of rate limits", async () => {
      const call = await fromOutside("accept");
      const statuses: number[] = [];
      for (let round = 0; round < 40; round += 1) {
        const origin = { ip: `198.51.100.${round}`, userAgent: null, requestId: "r", traceId: "t" };
        const sent = { input: { email: "nobody@example.com" }, origin };
        statuses.push((await call("rpc.command.authentication.forgotPassword", sent)).status);
      }
      expect(statuses).toContain(429);
    });

    it("runs once, however often its message arrives", async () => {
      const id = randomUUID();
      const input = { name: "Once", slug: `once-${person.id}`, country: "VN" };
      const call = { id, input, credential: { token: person.token, from: "header" } };
      const createOnce = () => send("rpc.command.tenancy.createOrganization", JSON.stringify(call));
      const answers = await Promise.all(Array.from({ length: 8 }, createOnce));
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(7).fill(503)]);
      expect(answers.filter(({ body }) => body.error?.code === "common.outcome_unknown")).toHaveLength(7);
      expect(reported.splice(0)).toHaveLength(7);
    });

    it("does not start after its caller has stopped waiting", async () => {
      const { kernel, catalogue, platform } = server.application;
      const own = inProcessRpc();
      const slow = serveInProcess(kernel.dispatch, () => new Promise((resolve) => setTimeout(() => resolve({ kind: "operator" }), 40)));
      const answering = { log: platform.log, database: platform.database, serviceCalls: "refuse", publicUrl: "http://127.0.0.1" } as const;
      await respond("command", { rpc: own, catalogue, serve: slow, ...answering, report: () => {} });
      const input = { name: "Too late", slug: `too-late-${person.id}`, country: "VN" };
      const call = { input, credential: { token: "x", from: "header" }, timeoutMs: 5 };
      const reply = await own.request("rpc.command.tenancy.createOrganization", Buffer.from(JSON.stringify(call)), { timeoutMs: 5_000 });
      expect(reply.headers["gatehouse-status"]).toBe("503");
      const found = await server.call("GET /api/v1/iam/organizations", { token: person.token });
      expect(JSON.stringify(found.body)).not.toContain("too-late");
    });
  });

  it("gets 503 where no process serves it, and succeeds where one starts to serve in time", async () => {
    const empty = inProcessRpc();
    const { catalogue, platform } = server.application;
    const gateway = {
      catalogue,
      platform: { ...platform, rpc: empty },
      serve: serveOverRpc(empty, catalogue),
      httpApps: [],
      inbox: undefined,
      stop: async () => {},
    };
    const alone = gatewayServer(gateway, server.configuration, { stage: "running" });
    const unserved = await alone.inject("/api/v1/iam/users/me");
    expect(unserved.statusCode).toBe(503);
    expect(unserved.headers["retry-after"]).toBe("1");
    expect(unserved.json().error.code).toBe("common.unavailable");

    const response = alone.inject("/api/v1/iam/users/me");
    setTimeout(() => void empty.serve("rpc.query.>", "query", () => ({ body: Buffer.from('{"id":"x"}'), headers: noHeaders })), 300);
    expect((await response).json()).toEqual({ id: "x" });
    await alone.close();
  });

  it("forwards an error whose code this process does not know", async () => {
    const newer = inProcessRpc();
    const { catalogue } = server.application;
    const envelope = {
      success: false,
      error: { code: "tokens.future", message: "From a newer release.", details: [], traceId: "t", docs: "d" },
    };
    await newer.serve("rpc.query.>", "query", () => ({
      body: Buffer.from(JSON.stringify(envelope)),
      headers: { "gatehouse-status": "409" },
    }));
    const operation = catalogue.byName.get("identity.getMe");
    const serve = serveOverRpc(newer, catalogue);
    const origin = { ip: null, userAgent: null, requestId: "r", traceId: "t" };
    const call = () => ({ operation: "identity.getMe", input: {}, principal: { kind: "anonymous" } as const, origin });
    await expect(serve({ operation: operation as never, credential: undefined, origin, call })).rejects.toMatchObject({
      definition: { code: "tokens.future", status: 409, message: "From a newer release." },
    });
  });

  it("reports no internal error", () => {
    expect(reported).toEqual([]);
  });
});
