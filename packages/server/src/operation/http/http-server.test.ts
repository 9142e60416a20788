import { describe, expect, it } from "vitest";
import { noProxies } from "#platform/network/trusted-proxies.ts";
import { anyone } from "../declaration/authorization.ts";
import { catalogue } from "../declaration/catalogue.ts";
import { module } from "../declaration/module.ts";
import { Type, Uuid } from "../declaration/schema.ts";
import type { Call } from "../kernel/dispatch.ts";
import { serveInProcess } from "../transport/serve.ts";
import { httpServer } from "./http-server.ts";

const thing = module("thing", { store: { reads: () => ({}), writes: () => ({}) } });

/** A server whose operation answers `output`, with the calls that it received. */
function serverThatAnswers(output: unknown, failure?: unknown) {
  const getThing = thing.query("getThing", {
    http: "GET /things/:thingId",
    summary: "A thing.",
    allow: anyone("it is a test"),
    input: Type.Object({ thingId: Uuid }),
    output: Type.Object({ name: Type.String(), chapters: Type.Array(Type.Object({ id: Type.Integer() })) }),
    run: async () => ({ name: "", chapters: [] }),
  });
  const calls: Call[] = [];
  const reported: unknown[] = [];
  const http = httpServer({
    catalogue: catalogue([{ module: thing, operations: [getThing], events: [], steps: [] }]),
    serve: serveInProcess(
      async (call) => {
        calls.push(call);
        if (failure !== undefined) throw failure;
        return { output };
      },
      () => null,
    ),
    publicUrl: "http://127.0.0.1:8080",
    trustProxy: noProxies,
    report: (error) => void reported.push(error),
  });
  return { http, calls, reported };
}
const url = "/things/0198c0de-0000-7000-8000-000000000000";

describe("an answer", () => {
  it("has only the declared fields: others are stripped at every depth", async () => {
    const { http } = serverThatAnswers({ name: "n", password: "secret", chapters: [{ id: 1, hash: "secret" }] });
    const answer = await http.inject(url);
    expect(answer.json()).toEqual({ name: "n", chapters: [{ id: 1 }] });
    expect(answer.body).not.toContain("secret");
  });

  it("to an internal error does not disclose the cause, which is reported", async () => {
    const failure = new Error("connect ECONNREFUSED postgres://user:password@10.0.0.1");
    const { http, reported } = serverThatAnswers(undefined, failure);
    const answer = await http.inject(url);
    expect(answer.statusCode).toBe(500);
    expect(answer.json().error).toMatchObject({ code: "common.internal", details: [] });
    expect(answer.body).not.toMatch(/ECONN|postgres|10\.0\.0\.1/);
    expect(reported).toEqual([failure]);
  });

  it("has the caller's x-request-id and trace where they are valid, and new ones otherwise", async () => {
    const { http, calls } = serverThatAnswers({ name: "", chapters: [] });
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const given = await http.inject({ url, headers: { "x-request-id": "abc-1", traceparent: `00-${trace}-b7ad6b7169203331-01` } });
    expect(given.headers["x-request-id"]).toBe("abc-1");
    expect(calls[0]?.origin).toMatchObject({ requestId: "abc-1", traceId: trace });
    for (const odd of ["with space", "a/b+c==", '{"a":"%"}', "x".repeat(1_024)]) {
      const answer = await http.inject({ url, headers: { "x-request-id": odd } });
      expect(answer.headers["x-request-id"]).toBe(odd);
      expect(calls.at(-1)?.origin).toMatchObject({ requestId: odd, traceId: expect.stringMatching(/^[\da-f]{32}$/) });
    }
    for (const bad of ["x".repeat(1_025), "a\u00e9", "a\tb", "a\u007fb", ""]) {
      const answer = await http.inject({ url, headers: { "x-request-id": bad, traceparent: "nonsense" } });
      expect(answer.headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
    }
  });
});

describe("a request with an unsupported method", () => {
  it("gets 405 with the supported methods, whatever else is wrong with the request", async () => {
    const { http, calls } = serverThatAnswers({ name: "", chapters: [] });
    const requests = [
      { method: "POST" as const },
      { method: "PUT" as const, payload: "{", headers: { "content-type": "application/json" } },
      { method: "DELETE" as const, payload: "x", headers: { "content-type": "text/plain" } },
      { method: "PATCH" as const, payload: `"${"x".repeat(300_000)}"`, headers: { "content-type": "application/json" } },
    ];
    for (const request of requests) {
      const answer = await http.inject({ url: `${url}?a=1`, ...request });
      expect([answer.statusCode, answer.headers.allow, answer.json().error.code]).toEqual([405, "GET, HEAD", "common.method_not_allowed"]);
    }
    for (const path of ["/things", "/things/", `${url}/`, `${url}/x`, "/thingsx", "/"]) {
      const answer = await http.inject({ method: "POST", url: path });
      expect([answer.statusCode, answer.headers.allow, answer.json().error.code]).toEqual([404, undefined, "common.not_found"]);
    }
    expect(calls).toEqual([]);
  });
});
