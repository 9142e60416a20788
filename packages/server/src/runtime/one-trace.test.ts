import { eventually } from "@gatehouse/testing/eventually.ts";
import { newPerson } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { type ReceivedSpan, spanKind, startTraceReceiver, type TraceReceiver } from "@gatehouse/testing/trace-receiver.ts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { serveOverRpc } from "#operation/rpc/client.ts";
import { respond } from "#operation/rpc/responder.ts";
import { serveInProcess } from "#operation/transport/serve.ts";
import type { Received } from "#platform/broker/broker.ts";
import { Relay } from "#platform/broker/relay.ts";
import { inProcessRpc } from "#platform/rpc/in-process.ts";
import { createLogger } from "#platform/telemetry/logger.ts";
import { openTelemetry } from "./ports.ts";
import { gatewayServer } from "./server.ts";

let receiver: TraceReceiver;
let server: TestServer;
beforeAll(async () => {
  receiver = await startTraceReceiver();
  server = await startTestServer({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint });
});
afterAll(async () => {
  await server.close();
  await receiver.close();
});

/** A gateway with a separate tracer, like another process: only messages carry the trace. */
async function openGateway() {
  const { catalogue, kernel, platform, authenticate } = server.application;
  const { publicUrl } = server.configuration.settings;
  const rpc = inProcessRpc();
  const serve = serveInProcess(kernel.dispatch, authenticate);
  for (const kind of ["query", "command"] as const) {
    const answering = { log: platform.log, database: platform.database, serviceCalls: "refuse", publicUrl } as const;
    await respond(kind, { rpc, catalogue, serve, ...answering, report: () => {} });
  }
  const { tracer } = await openTelemetry(server.configuration);
  const lines: { traceId?: string; message: string }[] = [];
  const logger = createLogger({
    level: "debug",
    version: "0",
    environment: "test",
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const instrumentation = { tracer, metrics: platform.metrics, logger };
  const backend = {
    catalogue,
    platform: { ...platform, rpc, tracer },
    serve: serveOverRpc(rpc, catalogue, instrumentation),
    httpApps: [],
    inbox: undefined,
    stop: async () => {},
  };
  const http = gatewayServer(backend, server.configuration, { stage: "running" });
  await http.ready();
  return { http, tracer, lines };
}

it("a request has one trace from the gateway over rpc, the command and its transaction to the relay, the broker and a consumer", async () => {
  const { broker, database, logger, metrics } = server.application.platform;
  const person = await newPerson(server);
  const { http, tracer, lines } = await openGateway();
  const relay = new Relay({ database, broker, source: "https://iam.example", leaves: () => true, logger, metrics });
  const handled: Received[] = [];
  const subscription = broker.consume({
    name: "outside.consumer",
    exchange: "iam.events",
    topics: ["organization.created"],
    handle: async (received) => void handled.push(received),
  });
  await subscription.ready();
  relay.start();
  const trace = "5".repeat(32);
  const made = await http.inject({
    method: "POST",
    url: "/api/v1/iam/organizations",
    headers: { authorization: `Bearer ${person.token}`, traceparent: `00-${trace}-00f067aa0ba902b7-01` },
    payload: { name: "Followed", slug: "followed", country: "VN" },
  });
  expect(made.statusCode).toBe(201);
  // The gateway's log has the trace as well.
  expect(lines).toContainEqual(expect.objectContaining({ traceId: trace, message: "rpc tenancy.createOrganization: ok" }));

  const spans = () => receiver.spans.filter(({ traceId }) => traceId === trace);
  await eventually(() => spans().map(({ name }) => name)).toEqual(
    expect.arrayContaining(["publish iam.events", "process outside.consumer", "POST /api/v1/iam/organizations"]),
  );
  const of = (name: string) => spans().find((span) => span.name === name) as ReceivedSpan;
  const above = ({ parentSpanId }: ReceivedSpan) => spans().find(({ spanId }) => spanId === parentSpanId)?.name;
  expect(above(of("rpc tenancy.createOrganization"))).toBe("POST /api/v1/iam/organizations");
  expect(above(of("tenancy.createOrganization"))).toBe("rpc tenancy.createOrganization");
  expect(above(of("postgresql write"))).toBe("tenancy.createOrganization");
  expect(above(of("publish iam.events"))).toBe("tenancy.createOrganization");
  expect(above(of("process outside.consumer"))).toBe("tenancy.createOrganization");
  expect(of("publish iam.events").kind).toBe(spanKind.producer);
  expect(of("process outside.consumer").kind).toBe(spanKind.consumer);
  expect(handled[0]?.event.traceparent).toContain(trace);
  expect(await metrics.registry.getSingleMetricAsString("gatehouse_rpc_seconds")).toMatch(
    /gatehouse_rpc_seconds_count\{operation="tenancy.createOrganization",outcome="ok"\} 1/,
  );

  await relay.close();
  await subscription.close();
  await http.close();
  await tracer.close();
});
