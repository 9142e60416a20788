import { expectError } from "@gatehouse/testing/answers.ts";
import { type Answer, type AnyBody, startTestServer } from "@gatehouse/testing/server.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuthzenWorld, openAuthzenWorld } from "./conformance/authzen-world.ts";
import { issues } from "./conformance/schemas.ts";
import { authzenMetadata } from "./metadata.ts";

let world: AuthzenWorld;
beforeAll(async () => {
  world = await openAuthzenWorld();
});
afterAll(() => world.server.close());

const addresses = ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"].map((name) => `/access/v1/${name}`);
const question = () => ({
  subject: { type: "user", id: world.alice.id },
  action: { name: "read" },
  resource: { type: "record", id: "record-1" },
});
const send = (route: string, body: string | undefined, headers: Readonly<Record<string, string>> = {}): Promise<Answer<AnyBody>> =>
  world.server.call(route, { token: world.token, ...(body === undefined ? {} : { body }), headers });

describe.each(addresses)("%s", (address) => {
  it.each(["GET", "PUT", "PATCH", "DELETE"])("rejects %s with any body", async (method) => {
    const bodies: [string | undefined, Record<string, string>][] = [
      [undefined, {}],
      [JSON.stringify(question()), {}],
      ["{", {}],
      ["x", { "content-type": "text/plain" }],
    ];
    for (const [body, headers] of method === "GET" ? bodies.slice(0, 1) : bodies) {
      const answer = await send(`${method} ${address}?x=1`, body, { "x-request-id": "a/b+c==", ...headers });
      expectError(answer, 405, "common.method_not_allowed");
      expect(answer.headers["allow"]).toBe("POST");
      expect(answer.headers["x-request-id"]).toBe("a/b+c==");
    }
  });

  it("accepts JSON objects only, with media type parameters", async () => {
    const body = JSON.stringify(question());
    expect((await send(`POST ${address}`, body, { "content-type": "application/json; charset=utf-8" })).status).toBe(200);
    for (const wrong of ["[]", '"x"', "null", "5", "{", "", '{"a":'])
      expectError(await send(`POST ${address}`, wrong), 400, "common.validation_failed");
    expectError(await send(`POST ${address}`, body, { "content-type": "text/plain" }), 415, "common.unsupported_media_type");
    expectError(await send(`POST ${address}`, JSON.stringify({ ...question(), x: "x".repeat(300_000) })), 413, "common.payload_too_large");
  });

  it("rejects deeply nested input", async () => {
    const deep = `${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}`;
    for (const text of [
      `"context":${deep}`,
      `"x":${deep}`,
      `"evaluations":[{"context":${deep}}]`,
      `"evaluations":[${deep}]`,
      `"page":{"properties":${deep}}`,
    ]) {
      const answer = await send(`POST ${address}`, `${JSON.stringify(question()).slice(0, -1)},${text}}`);
      expect([200, 400]).toContain(answer.status);
    }
  });

  it("echoes the caller's X-Request-ID in every response, and generates one if it is missing", async () => {
    const given = ["a/b+c==", "conformance-0198c0de-0000", "with space", '{"json":"%"}', "x".repeat(1_024), "~`!@#$%^&*()|\\;:'\"<>,?"];
    for (const id of given) {
      const headers = { "x-request-id": id };
      const answers = [
        await send(`POST ${address}`, JSON.stringify(question()), headers),
        await send(`POST ${address}`, "{}", headers),
        await send(`POST ${address}`, "{", headers),
        await send(`POST ${address}`, "x", { ...headers, "content-type": "text/plain" }),
        await send(`POST ${address}`, JSON.stringify({ x: "x".repeat(300_000) }), headers),
        await world.server.call(`POST ${address}`, { body: question(), headers }),
        await send(`PUT ${address}`, "{}", headers),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 400, 400, 415, 413, 401, 405]);
      for (const answer of answers) expect(answer.headers["x-request-id"]).toBe(id);
      for (const { body } of answers.slice(1)) expect(body.error.traceId).toMatch(/^[\w.:]{1,128}$/);
    }
    for (const id of ["x".repeat(1_025), "tab\there", "a\u00e9", ""])
      expect((await send(`POST ${address}`, "{}", { "x-request-id": id })).headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
    expect((await send(`POST ${address}`, "{}")).headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
  });
});

describe("GET /.well-known/authzen-configuration", () => {
  const address = "/.well-known/authzen-configuration";
  const get = (headers: Readonly<Record<string, string>> = {}, query = "") => world.server.call(`GET ${address}${query}`, { headers });

  it("lists the served endpoints to every caller", async () => {
    const answer = await get();
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toMatch(/^application\/json/);
    const { publicUrl } = world.server.configuration.settings;
    expect(answer.body).toEqual({
      policy_decision_point: publicUrl,
      access_evaluation_endpoint: `${publicUrl}/access/v1/evaluation`,
      access_evaluations_endpoint: `${publicUrl}/access/v1/evaluations`,
      search_subject_endpoint: `${publicUrl}/access/v1/search/subject`,
      search_resource_endpoint: `${publicUrl}/access/v1/search/resource`,
      search_action_endpoint: `${publicUrl}/access/v1/search/action`,
    });
    expect(issues[address]?.(answer.body)).toEqual([]);
    for (const endpoint of Object.values(answer.body as Record<string, string>).slice(1))
      expectError(await world.server.call(`POST ${new URL(endpoint).pathname}`, { body: {} }), 401, "auth.credential_required");
    const operations = world.server.application.kernel.catalogue.operations.filter(({ name }) => name === "authzen.evaluate");
    expect(Object.keys(authzenMetadata(operations, publicUrl))).toEqual(["policy_decision_point", "access_evaluation_endpoint"]);
  });

  it("has as address the identifier followed by the well-known path", async () => {
    const elsewhere = await startTestServer({ PUBLIC_URL: "https://pdp.example.com" });
    const { body } = await elsewhere.call<AnyBody>(`GET ${address}`);
    await elsewhere.close();
    expect(body.policy_decision_point).toBe("https://pdp.example.com");
    expect(new URL(address, body.policy_decision_point).href).toBe(`${body.policy_decision_point}${address}`);
    for (const endpoint of Object.values(body as Record<string, string>)) expect(endpoint).toMatch(/^https:\/\/pdp\.example\.com/);
  });

  it("can be cached and revalidated", async () => {
    const answer = await get({ "x-request-id": "a b" }, "?x=1");
    expect(answer.headers).toMatchObject({ "cache-control": "public, max-age=300", "x-request-id": "a b" });
    const again = await get({ "if-none-match": answer.headers["etag"] as string });
    expect([again.status, again.body]).toEqual([304, ""]);
    const head = await world.server.http.inject({ method: "HEAD", url: address });
    expect([head.statusCode, head.body, head.headers["etag"]]).toEqual([200, "", answer.headers["etag"]]);
  });
});
