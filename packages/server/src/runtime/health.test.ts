import { newPerson } from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, backend } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { describe, expect, it, vi } from "vitest";
import { gatewayServer } from "./server.ts";

const server = serverOfSuite();

const probe = (path: string): Promise<Answer<AnyBody>> => server.call(`GET ${path}`);
const kind = backend === "pglite" ? "embedded (PGlite)" : "PostgreSQL";

describe("the probes", () => {
  it("/health reports that the process runs, and probes no dependency", async () => {
    expect(await probe("/health")).toMatchObject({ status: 200, body: { status: "UP", components: {} } });
    const ping = vi.spyOn(server.application.platform.database, "ping").mockRejectedValue(new Error("away"));
    try {
      expect((await probe("/health")).status).toBe(200);
      expect(ping).not.toHaveBeenCalled();
    } finally {
      ping.mockRestore();
    }
  });

  it.each(["/health/ready", "/health/startup"])("%s probes database, cache and broker, in the declared format", async (path) => {
    const answer = await probe(path);
    expect(answer.status).toBe(200);
    expect(answer.body.status).toBe("UP");
    const up = { status: "UP", details: { connection: "established", latency: expect.stringMatching(/^\d+ms$/) } };
    expect(answer.body.components).toMatchObject({
      postgresql: { ...up, details: { ...up.details, kind } },
      redis: up,
      messageBroker: up,
      module: { status: "UP", details: { stage: "running" } },
    });
  });

  it.each([
    ["/health/query", ["postgresql", "module"]],
    ["/health/command", ["postgresql", "module"]],
    ["/health/background", ["postgresql", "messageBroker", "module"]],
  ])("%s reports its module", async (path, components) => {
    const answer = await probe(path);
    expect(answer).toMatchObject({ status: 200, body: { status: "UP" } });
    expect(Object.keys(answer.body.components)).toEqual(expect.arrayContaining(components));
  });

  it("/health/query reports the age of the log and the lag of the projection", async () => {
    const { details } = (await probe("/health/query")).body.components.module;
    expect(details).toMatchObject({
      logAgeMs: expect.any(Number),
      eventsNotInReadModel: expect.any(Number),
      sessionsInMemory: expect.any(Number),
    });
  });

  it("report what their role has done in the last minute, by its kind", async () => {
    const person = await newPerson(server);
    const body = { userId: person.id, actionType: "User.Read" };
    await server.call("POST /api/v1/iam/authorization/check", { token: person.token, body });
    await server.application.settled();
    const rate = expect.stringMatching(/^\d+\.\d\/s$/);
    const percent = expect.stringMatching(/^\d+\.\d%$/);
    const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);
    const indicators = { responseTime: expect.stringMatching(/^\d+\.\dms$/), errorRate: "0.0%", availability: "100.0%" };
    const detailsOf = async (path: string) => (await probe(path)).body.components.module.details;
    const query = { authorizationRate: rate, cacheHitRate: percent, lastSuccessfulQuery: moment, ...indicators };
    expect(await detailsOf("/health/query")).toMatchObject(query);
    expect(await detailsOf("/health/command")).toMatchObject({ commandRate: rate, lastSuccessfulCommand: moment, ...indicators });
    expect(await detailsOf("/health/background")).toMatchObject({ eventRate: rate, lag: 0, lastEvent: moment, ...indicators });
  });

  it("exist only where their role runs", async () => {
    const http = gatewayServer(server.application, { ...server.configuration, roles: new Set(["query"]) }, { stage: "running" });
    await http.ready();
    try {
      expect((await http.inject("/health/query")).statusCode).toBe(200);
      expect((await http.inject("/health/command")).statusCode).toBe(404);
      expect((await http.inject("/health/background")).statusCode).toBe(404);
      expect((await http.inject("/health/ready")).statusCode).toBe(200);
    } finally {
      await http.close();
    }
  });

  it("a stopping process reports it without probing its dependencies", async () => {
    const http = gatewayServer(server.application, server.configuration, { stage: "stopping" });
    await http.ready();
    const ping = vi.spyOn(server.application.platform.database, "ping");
    try {
      expect((await http.inject("/health/ready")).statusCode).toBe(503);
      expect(ping).not.toHaveBeenCalled();
    } finally {
      ping.mockRestore();
      await http.close();
    }
  });

  it("answer 503 and name what is down, without the cause, while the database is unavailable", async () => {
    const ping = vi.spyOn(server.application.platform.database, "ping").mockRejectedValue(new Error("connect ECONNREFUSED 10.0.0.7"));
    try {
      for (const path of ["/health/ready", "/health/startup", "/health/query", "/health/command", "/health/background"]) {
        const answer = await probe(path);
        expect(answer.status, path).toBe(503);
        expect(answer.body.status).toBe("DOWN");
        expect(answer.body.components.postgresql).toMatchObject({ status: "DOWN", details: { connection: "failed" } });
        expect(JSON.stringify(answer.body)).not.toContain("10.0.0.7");
      }
    } finally {
      ping.mockRestore();
    }
  });

  it("report an unavailable cache, and stay ready: checks are slower without it, but not wrong", async () => {
    const ping = vi.spyOn(server.application.platform.snapshotCache, "ping").mockRejectedValue(new Error("connect ECONNREFUSED 10.0.0.7"));
    try {
      for (const path of ["/health/ready", "/health/startup", "/health/query"]) {
        const answer = await probe(path);
        expect(answer.status, path).toBe(200);
        expect(answer.body).toMatchObject({ status: "UP", degraded: ["redis"], components: { redis: { status: "DOWN" } } });
      }
    } finally {
      ping.mockRestore();
    }
  });

  it.each(["starting", "stopping"] as const)("a process that is %s is not ready, and is alive", async (stage) => {
    const http = gatewayServer(server.application, server.configuration, { stage });
    await http.ready();
    try {
      expect((await http.inject("/health/ready")).statusCode).toBe(503);
      expect((await http.inject("/health/ready")).json().components.module).toMatchObject({ status: "DOWN", details: { stage } });
      expect((await http.inject("/health")).statusCode).toBe(200);
    } finally {
      await http.close();
    }
  });

  it.each(["/health", "/health/ready", "/metrics", "/openapi.json", "/docs", "/", "/nowhere"])(
    "%s carries x-request-id, as every response",
    async (path) => {
      const answer = await server.call(`GET ${path}`, { headers: { "x-request-id": "probe-1" } });
      expect(answer.headers["x-request-id"]).toBe("probe-1");
    },
  );
});

describe("/metrics", () => {
  it("has every declared metric, and counts requests", async () => {
    const person = await newPerson(server);
    await server.call("POST /api/v1/iam/authorization/check", {
      token: person.token,
      body: { userId: person.id, actionType: "User.Read" },
    });
    for (const credential of [{}, { token: "never-given" }])
      expect((await server.call("GET /api/v1/iam/users/me", credential)).status).toBe(401);
    await server.application.settled();
    const answer = await server.call<string>("GET /metrics");
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^text\/plain/);
    for (const name of [
      "gatehouse_operation_duration_seconds",
      "gatehouse_authorization_decisions_total",
      "gatehouse_projection_lookups_total",
      "gatehouse_sign_ins_total",
      "gatehouse_events_appended_total",
      "gatehouse_events_handled_total",
      "gatehouse_log_age_seconds",
      "gatehouse_http_request_duration_seconds",
      "gatehouse_database_transaction_seconds",
      "gatehouse_consumer_duration_seconds",
      "gatehouse_consumer_lag_seconds",
      "gatehouse_event_delay_seconds",
      "gatehouse_job_duration_seconds",
      "gatehouse_jobs_waiting",
      "gatehouse_ready",
      "process_resident_memory_bytes",
    ]) {
      expect(answer.body, name).toContain(`# TYPE ${name} `);
    }
    const countOf = (line: RegExp) => Number(line.exec(answer.body)?.[1] ?? "0");
    expect(countOf(/^gatehouse_sign_ins_total\{result="ok"\} (\d+)$/m)).toBeGreaterThan(0);
    expect(countOf(/^gatehouse_authorization_decisions_total\{allowed="false",reason="not_a_member"\} (\d+)$/m)).toBeGreaterThan(0);
    expect(
      countOf(/^gatehouse_operation_duration_seconds_count\{kind="command",operation="authentication.login",outcome="ok"\} (\d+)$/m),
    ).toBeGreaterThan(0);
    for (const code of ["auth.credential_required", "auth.credential_invalid"]) {
      const refused = new RegExp(
        `^gatehouse_operation_duration_seconds_count\\{kind="query",operation="identity.getMe",outcome="${code}"\\} (\\d+)$`,
        "m",
      );
      expect(countOf(refused), code).toBe(1);
    }
    const check =
      /^gatehouse_http_request_duration_seconds_count\{method="POST",route="\/api\/v1\/iam\/authorization\/check",status="200"\} (\d+)$/m;
    expect(countOf(check)).toBeGreaterThan(0);
    expect(countOf(/^gatehouse_dependency_up\{dependency="postgresql"\} (\d+)$/m)).toBe(1);
    expect(countOf(/^gatehouse_events_handled_total\{consumer="decisions.update-projection"\} (\d+)$/m)).toBeGreaterThan(0);
    expect(countOf(/^gatehouse_events_appended_total\{type="user.registered.v1"\} (\d+)$/m)).toBeGreaterThan(0);
    expect(answer.body).not.toContain(person.email);
    expect(answer.body).not.toContain(person.id);
  });
});
