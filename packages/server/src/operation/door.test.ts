import { describe, expect, it } from "vitest";
import { anyone } from "./authorization.ts";
import { catalogue } from "./catalogue.ts";
import type { Call } from "./dispatch.ts";
import { httpDoor } from "./http/door.ts";
import { module } from "./module.ts";
import { Type, Uuid } from "./schema.ts";

const thing = module("thing", { store: { reads: () => ({}), writes: () => ({}) } });

/** A door whose operations answer `output`, and the calls that came through it. */
function doorThatAnswers(output: unknown, failure?: unknown) {
  const getThing = thing.query("getThing", {
    http: "GET /things/:thingId",
    summary: "A thing.",
    allow: anyone("it is a test"),
    input: Type.Object({ thingId: Uuid }),
    output: Type.Object({ name: Type.String(), parts: Type.Array(Type.Object({ id: Type.Integer() })) }),
    run: async () => ({ name: "", parts: [] }),
  });
  const calls: Call[] = [];
  const reported: unknown[] = [];
  const door = httpDoor({
    catalogue: catalogue([{ module: thing, operations: [getThing], events: [], steps: [] }]),
    dispatch: async (call) => {
      calls.push(call);
      if (failure !== undefined) throw failure;
      return { output };
    },
    authenticate: () => null,
    publicUrl: "http://127.0.0.1:8080",
    trustProxy: false,
    report: (error) => void reported.push(error),
  });
  return { door, calls, reported };
}
const url = "/things/0198c0de-0000-7000-8000-000000000000";

describe("an answer", () => {
  it("has the declared fields only: what is not declared is stripped, at every depth", async () => {
    const { door } = doorThatAnswers({ name: "n", password: "secret", parts: [{ id: 1, hash: "secret" }] });
    const answer = await door.inject(url);
    expect(answer.json()).toEqual({ name: "n", parts: [{ id: 1 }] });
    expect(answer.body).not.toContain("secret");
  });

  it("of a fault shows no cause, and reports it", async () => {
    const fault = new Error("connect ECONNREFUSED postgres://user:password@10.0.0.1");
    const { door, reported } = doorThatAnswers(undefined, fault);
    const answer = await door.inject(url);
    expect(answer.statusCode).toBe(500);
    expect(answer.json().error).toMatchObject({ code: "common.internal", details: [] });
    expect(answer.body).not.toMatch(/ECONN|postgres|10\.0\.0\.1/);
    expect(reported).toEqual([fault]);
  });

  it("carries the caller's x-request-id and trace where they are such, and its own where they are not", async () => {
    const { door, calls } = doorThatAnswers({ name: "", parts: [] });
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const given = await door.inject({ url, headers: { "x-request-id": "abc-1", traceparent: `00-${trace}-b7ad6b7169203331-01` } });
    expect(given.headers["x-request-id"]).toBe("abc-1");
    expect(calls[0]?.origin).toMatchObject({ requestId: "abc-1", traceId: trace });
    for (const bad of ["with space", "x".repeat(129), "a\u00e9", ""]) {
      const answer = await door.inject({ url, headers: { "x-request-id": bad, traceparent: "nonsense" } });
      expect(answer.headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
    }
  });
});
