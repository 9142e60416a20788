import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { listens } from "@gatehouse/testing/services.ts";
import { ofSuite } from "@gatehouse/testing/suite.ts";
import type { FastifyInstance } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { inProcessRpc } from "#platform/rpc/in-process.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { servedElsewhere } from "#runtime/http-apps.ts";
import { gatewayServer } from "#runtime/server.ts";
import { httpAppBodyBytesMax } from "../declaration/http-app.ts";
import { module } from "../declaration/module.ts";
import type { Origin } from "../declaration/origin.ts";
import { serveOverRpc } from "../rpc/client.ts";
import { readAnswer, writeRequest } from "../rpc/http-wire.ts";
import { respond } from "../rpc/responder.ts";

/** The requests whose body the application has read. */
const received: { readonly body: string; readonly origin: Origin }[] = [];
afterEach(() => void received.splice(0));

async function echo(request: IncomingMessage, response: ServerResponse, origin: Origin): Promise<void> {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(request, "end");
  const body = Buffer.concat(chunks).toString("utf8");
  const { ip, userAgent, requestId, traceId } = origin;
  received.push({ body, origin: { ip, userAgent, requestId, traceId } });
  if (body === "break") throw new Error("the database password is hunter2");
  if (body === "busy") throw new Unavailable("database", new Error("it is away"));
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.setHeader("set-cookie", ["a=1", "b=2"]);
  response.statusCode = 203;
  response.end(`${request.method} ${request.url} ${request.headers["content-type"]} ${request.headers["x-hop"]} ${body}`);
}

const echoing = module("echoing", { store: { reads: () => ({}), writes: () => ({}) } });
const manifest = {
  module: echoing,
  operations: [],
  events: [],
  steps: [],
  httpApps: [{ name: "echo", routes: ["GET /echo/:id", "POST /echo/:id"], open: () => ({ handle: echo }) }],
};

interface Served {
  readonly http: FastifyInstance;
  readonly logged: TestServer["logged"];
  close(): Promise<void>;
}

async function here(): Promise<Served> {
  return startTestServer({}, undefined, { topology: "together", modules: [manifest] });
}

async function overInProcessRpc(): Promise<Served> {
  const server = await startTestServer({}, undefined, { topology: "together", modules: [manifest] });
  const { catalogue, platform, serve } = server.application;
  const rpc = inProcessRpc();
  const { publicUrl } = server.configuration.settings;
  const apps = [{ name: "echo", handle: echo }];
  const report = (error: unknown) => platform.logger.error({ err: error }, "a request failed");
  const { log, database } = platform;
  await respond("command", { rpc, catalogue, serve, apps, log, database, serviceCalls: "accept", publicUrl, report });
  const gateway = {
    catalogue,
    platform: { ...platform, rpc },
    serve: serveOverRpc(rpc, catalogue),
    httpApps: servedElsewhere([manifest], { rpc, metrics: platform.metrics }),
    inbox: undefined,
    stop: async () => {},
  };
  const http = gatewayServer(gateway, server.configuration, { stage: "running" });
  return {
    http,
    logged: server.logged,
    async close() {
      await http.close();
      await server.close();
    },
  };
}

const overNats = (): Promise<Served> => startTestServer({}, "postgresql", { topology: "apart", modules: [manifest] });

const ways: Readonly<Record<string, () => Promise<Served>>> = {
  "in the process of the HTTP server": here,
  "in another process": overInProcessRpc,
  ...((await listens("nats")) ? { "in another process, over NATS": overNats } : {}),
};

describe.each(Object.keys(ways))("an HTTP application %s", (way) => {
  const server = ofSuite(ways[way] as () => Promise<Served>, (opened) => opened.close());
  const post = (payload: string, headers: Record<string, string> = {}) =>
    server().http.inject({
      method: "POST",
      url: "/echo/1?x=%2F",
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      payload,
    });

  it("gets method, address, headers and body unchanged, and its status, headers and body are answered", async () => {
    const answer = await post("a=1&b=%20", { "x-hop": "kept", "x-request-id": "request-1" });
    expect(answer.statusCode).toBe(203);
    expect(answer.body).toBe("POST /echo/1?x=%2F application/x-www-form-urlencoded kept a=1&b=%20");
    expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(answer.headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(answer.headers["x-request-id"]).toBe("request-1");
  });

  it("gets the client's address from the server, not from a header", async () => {
    await server().http.inject({ url: "/echo/1", remoteAddress: "198.51.100.7", headers: { "x-forwarded-for": "203.0.113.9" } });
    expect(received).toMatchObject([{ origin: { ip: "198.51.100.7" } }]);
  });

  it("serves HEAD with a GET route, and refuses other methods with 405", async () => {
    expect((await server().http.inject({ method: "HEAD", url: "/echo/1" })).statusCode).toBe(203);
    const refused = await server().http.inject({ method: "DELETE", url: "/echo/1" });
    expect([refused.statusCode, refused.headers["allow"]]).toEqual([405, "GET, HEAD, POST"]);
  });

  it("that fails is answered with the error envelope, which does not show the cause; the log does", async () => {
    const answer = await post("break");
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toMatchObject({ success: false, error: { code: "common.internal" } });
    expect(answer.body).not.toContain("hunter2");
    expect(JSON.stringify(server().logged)).toContain("hunter2");
  });

  it("whose dependency is away is answered with 503 and when to retry", async () => {
    const answer = await post("busy");
    expect([answer.statusCode, answer.headers["retry-after"]]).toEqual([503, "1"]);
  });

  it("gets no compressed body", async () => {
    expect((await post("x", { "content-encoding": "gzip" })).statusCode).toBe(415);
    expect(received).toEqual([]);
  });
});

describe("an HTTP application in another process", () => {
  const server = ofSuite(overInProcessRpc, (opened) => opened.close());

  it("gets no body above the limit: the gateway refuses it with 413", async () => {
    const send = (bytes: number) =>
      server().http.inject({ method: "POST", url: "/echo/1", headers: { "content-type": "text/plain" }, payload: "x".repeat(bytes) });
    expect((await send(httpAppBodyBytesMax)).statusCode).toBe(203);
    expect((await send(httpAppBodyBytesMax + 1)).statusCode).toBe(413);
    expect(received).toHaveLength(1);
  });
});

describe("a request to an HTTP application over RPC", () => {
  const opened = ofSuite(
    () => startTestServer({}, undefined, { topology: "together", modules: [manifest] }),
    (server) => server.close(),
  );
  const origin = { ip: null, userAgent: null, requestId: "r", traceId: "t" };
  const message = {
    id: "0198c0de-0000-4000-8000-000000000000",
    method: "POST",
    url: "/echo/1",
    headers: {},
    body: Buffer.from("once"),
    origin,
    timeoutMs: 5_000,
  };

  async function serving(isAuthentic: boolean) {
    const { catalogue, platform, serve } = opened().application;
    const rpc = inProcessRpc();
    const { log, database } = platform;
    const from = {
      ...rpc,
      serve: ((subject, group, handler) => rpc.serve(subject, group, (sent) => handler({ ...sent, isAuthentic }))) as typeof rpc.serve,
    };
    const options = {
      catalogue,
      serve,
      log,
      database,
      serviceCalls: "accept",
      publicUrl: "http://gatehouse.test",
      report: () => {},
    } as const;
    await respond("command", { ...options, rpc: from, apps: [{ name: "echo", handle: echo }] });
    return (bytes: Uint8Array) => rpc.request("rpc.command.http.echo", bytes, { timeoutMs: 5_000 });
  }

  it("runs once, however often its message arrives", async () => {
    const send = await serving(true);
    expect(readAnswer((await send(writeRequest(message))).body).status).toBe(203);
    expect((await send(writeRequest(message))).headers["gatehouse-status"]).toBe("503");
    expect(received).toHaveLength(1);
  });

  it("is refused from a program that is no process of the installation, even where services may call operations", async () => {
    const send = await serving(false);
    expect((await send(writeRequest({ ...message, id: crypto.randomUUID() }))).headers["gatehouse-status"]).toBe("403");
    expect(received).toEqual([]);
  });

  it("that cannot be read is refused, and nothing runs", async () => {
    const send = await serving(true);
    for (const bytes of [Buffer.from("{"), Buffer.from("{}"), Buffer.from(JSON.stringify({ ...message, method: "get" }))]) {
      expect((await send(bytes)).headers["gatehouse-status"]).toBe("500");
    }
    expect(received).toEqual([]);
  });
});
