import { eventually } from "@gatehouse/testing/eventually.ts";
import { readImage } from "@gatehouse/testing/image.ts";
import { anAddress, newOrganization, newPerson, password, registration } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { type ReceivedSpan, spanKind, startTraceReceiver, statusError, type TraceReceiver } from "@gatehouse/testing/trace-receiver.ts";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { assemble } from "./application.ts";
import { readConfiguration } from "./configuration.ts";
import { gatewayServer } from "./server.ts";

let receiver: TraceReceiver;
let server: TestServer;
beforeAll(async () => {
  receiver = await startTraceReceiver();
  server = await startTestServer({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, GATEHOUSE_SIGN_IN_LIMIT: "off" });
});
afterAll(async () => {
  await server.close();
  await receiver.close();
});

const traceOf = (digit: string) => digit.repeat(32);
const spanOfCaller = "00f067aa0ba902b7";
const traceparent = (traceId: string, flags = "01") => ({ traceparent: `00-${traceId}-${spanOfCaller}-${flags}` });
const spansOf = (traceId: string) => receiver.spans.filter((span) => span.traceId === traceId);
const named = async (traceId: string, name: string): Promise<ReceivedSpan> => {
  await eventually(() => spansOf(traceId).map((span) => span.name)).toContain(name);
  return spansOf(traceId).find((span) => span.name === name) as ReceivedSpan;
};
const isBelow = (child: ReceivedSpan, parent: ReceivedSpan) =>
  expect(child.parentSpanId, `${child.name} below ${parent.name}`).toBe(parent.spanId);

describe("one trace", () => {
  it("covers the request, the command, its transaction, its events and the consumer that handles them", async () => {
    const person = await newPerson(server);
    const trace = traceOf("a");
    const made = await server.call("POST /api/v1/iam/organizations", {
      token: person.token,
      body: { name: "Traced", slug: "traced", country: "VN" },
      headers: traceparent(trace),
    });
    expect(made.status).toBe(201);
    const request = await named(trace, "POST /api/v1/iam/organizations");
    const command = await named(trace, "tenancy.createOrganization");
    const append = await named(trace, "append events");
    const consumer = await named(trace, "process decisions.update-projection");
    const transaction = spansOf(trace).find(({ spanId }) => spanId === append.parentSpanId) as ReceivedSpan;

    expect(request).toMatchObject({ parentSpanId: spanOfCaller, kind: spanKind.server });
    expect(request.attributes).toMatchObject({ "http.request.method": "POST", "http.route": "/api/v1/iam/organizations" });
    expect(request.attributes["http.response.status_code"]).toBe(201);
    isBelow(command, request);
    expect(command.attributes).toMatchObject({
      "gatehouse.module": "command",
      "gatehouse.operation": "tenancy.createOrganization",
      "user.id": person.id,
    });
    expect(transaction).toMatchObject({ name: "postgresql write", kind: spanKind.client });
    isBelow(transaction, command);
    isBelow(consumer, command);
    expect(consumer).toMatchObject({ kind: spanKind.consumer, attributes: { "gatehouse.module": "background" } });
    expect(receiver.service).toMatchObject({ "service.name": "iam", "service.namespace": "gatehouse" });
  });

  it("continues in the job that a command enqueues", async () => {
    const trace = traceOf("b");
    const body = registration();
    await server.call("POST /api/v1/iam/auth/register", { body, from: anAddress(), headers: traceparent(trace) });
    const command = await named(trace, "authentication.register");
    const job = await named(trace, "job notifications.send-mail");
    const ancestors = new Map(spansOf(trace).map((span) => [span.spanId, span]));
    let above = job.parentSpanId;
    while (above !== undefined && above !== command.spanId) above = ancestors.get(above)?.parentSpanId;
    expect(above).toBe(command.spanId);
    expect((await server.mail(body.email, "verify-email")).to).toBe(body.email);
  });

  it("shows a refusal by its code, and its request not as an error of the server", async () => {
    const trace = traceOf("c");
    const refused = await server.call("POST /api/v1/iam/auth/login", {
      body: { email: "nobody@example.com", password },
      from: anAddress(),
      headers: traceparent(trace),
    });
    const command = await named(trace, "authentication.login");
    expect(command).toMatchObject({ status: { code: statusError }, attributes: { "error.type": "auth.invalid_credentials" } });
    const request = await named(trace, "POST /api/v1/iam/auth/login");
    expect(request.attributes["http.response.status_code"]).toBe(refused.status);
    expect(request.status.code ?? 0).toBe(0);
  });

  it("shows an internal error without its message", async () => {
    const trace = traceOf("d");
    const transact = vi.spyOn(server.application.platform.database, "transact").mockRejectedValue(new Error("the disk is full"));
    await server.call("POST /api/v1/iam/auth/register", { body: registration(), from: anAddress(), headers: traceparent(trace) });
    transact.mockRestore();
    expect(await named(trace, "authentication.register")).toMatchObject({ status: { code: statusError, message: "internal_error" } });
    expect(await named(trace, "POST /api/v1/iam/auth/register")).toMatchObject({ status: { code: statusError } });
    expect(receiver.raw.join("")).not.toContain("the disk is full");
  });

  it("is not recorded where the caller's trace is not", async () => {
    const trace = traceOf("e");
    await server.call("POST /api/v1/iam/auth/login", {
      body: { email: "nobody@example.com", password },
      headers: traceparent(trace, "00"),
    });
    const later = traceOf("f");
    await server.call("POST /api/v1/iam/auth/login", { body: { email: "nobody@example.com", password }, headers: traceparent(later) });
    await named(later, "authentication.login");
    expect(spansOf(trace)).toEqual([]);
  });

  it("is in the error answer of a request without a trace", async () => {
    const refused = await server.call("GET /api/v1/iam/users/me", { token: `ghs_${"s".repeat(43)}` });
    await named(refused.body.error.traceId, "GET /api/v1/iam/users/me");
  });

  it("is not started by heartbeats and polls", async () => {
    await named(traceOf("f"), "authentication.login");
    const roots = receiver.spans.filter(({ parentSpanId }) => parentSpanId === undefined).map(({ name }) => name);
    expect(roots.filter((name) => name.startsWith("postgresql") || name.startsWith("cache"))).toEqual([]);
  });
});

describe("a span", () => {
  it("contains no address, no password and no token of a whole user journey", async () => {
    const person = await newPerson(server);
    const organization = await newOrganization(server);
    const trace = `${"9".repeat(31)}8`;
    await server.call(`GET /api/v1/iam/users/me?email=${person.email}`, { token: person.token, headers: traceparent(trace) });
    await named(trace, "GET /api/v1/iam/users/me");
    await server.application.settled();
    const text = receiver.raw.join("\n");
    for (const secret of [password, person.token, person.email, organization.owner.email]) expect(text).not.toContain(secret);
    expect(/\bgh[srkc]_[\w-]{8,}/.exec(text)?.[0]).toBeUndefined();
    expect(/[\w.+-]+@example\.com/i.exec(text)?.[0]).toBeUndefined();
  });
});

describe("a line of the log", () => {
  it("that is written in a span has the ids of the trace and the span", async () => {
    const lines: { traceId?: string; spanId?: string; message: string }[] = [];
    const configuration = readConfiguration({
      GATEHOUSE_DATA_DIR: "memory",
      GATEHOUSE_MASTER_KEY: Buffer.alloc(32).toString("base64"),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      LOG_LEVEL: "debug",
    });
    const application = await assemble(configuration, {
      image: readImage(inject("databaseImage")),
      logDestination: { write: (line) => void lines.push(JSON.parse(line)) },
    });
    const http = gatewayServer(application, configuration, { stage: "running" });
    try {
      const trace = `${"7".repeat(31)}1`;
      const payload = { email: "nobody@example.com", password };
      await http.inject({ method: "POST", url: "/api/v1/iam/auth/login", payload, headers: traceparent(trace) });
      const line = lines.find(({ message }) => message.startsWith("authentication.login"));
      const command = await named(trace, "authentication.login");
      expect(line).toMatchObject({ traceId: trace, spanId: command.spanId });
    } finally {
      await http.close();
      await application.stop();
    }
  });

  it("has the cause of a failed job and the outcome of an event, in the trace of the command that caused them", async () => {
    const lines: { traceId?: string; level: string; message: string; error?: { message: string } }[] = [];
    const configuration = readConfiguration({
      GATEHOUSE_DATA_DIR: "memory",
      GATEHOUSE_MASTER_KEY: Buffer.alloc(32).toString("base64"),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      LOG_LEVEL: "debug",
      // No server listens there.
      SMTP_URL: "smtp://127.0.0.1:1",
    });
    const application = await assemble(configuration, {
      image: readImage(inject("databaseImage")),
      logDestination: { write: (line) => void lines.push(JSON.parse(line)) },
    });
    const http = gatewayServer(application, configuration, { stage: "running" });
    try {
      await application.startWorker();
      const trace = `${"7".repeat(31)}2`;
      await http.inject({ method: "POST", url: "/api/v1/iam/auth/register", payload: registration(), headers: traceparent(trace) });
      const messages = () => lines.filter(({ traceId }) => traceId === trace).map(({ level, message }) => `${level} ${message}`);
      await eventually(messages).toEqual(
        expect.arrayContaining([
          "INFO authentication.register: ok",
          "DEBUG decisions.update-projection: ok",
          "WARN job notifications.send-mail: failed",
        ]),
      );
    } finally {
      await http.close();
      await application.stop();
    }
  });
});
