import { anAddress, newPerson } from "@gatehouse/testing/people.ts";
import type { TestServer } from "@gatehouse/testing/server.ts";
import { asOperator, startTestServer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite({ GATEHOUSE_CLIENT_REGISTRATION: "openid,profile,offline_access" });

const metadata = { client_name: "Notebook", redirect_uris: ["https://notebook.example.com/callback"], software_id: "ignored" };
const register = (on: TestServer, body: unknown, from = anAddress()) =>
  on.call("POST /oauth2/register", { body: body as Record<string, unknown>, from });
const registered = async (): Promise<number> => {
  const { rows } = await sql<{ count: string }>`select count(*) from oauth_clients where self_registered`.execute(
    server.application.platform.database.owner,
  );
  return Number(rows[0]?.count);
};

describe("dynamic client registration", () => {
  it("makes a public client with the scopes that the installation allows, which signs users in", async () => {
    const { status, body } = await register(server, { ...metadata, scope: "openid offline_access User.Read" });
    expect(status).toBe(201);
    expect(body).toEqual({
      client_id: expect.stringMatching(/^[\da-f-]{36}$/),
      client_id_issued_at: expect.any(Number),
      client_name: "Notebook",
      redirect_uris: metadata.redirect_uris,
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      scope: "openid offline_access",
    });
    const query = new URLSearchParams({
      client_id: body.client_id,
      redirect_uri: metadata.redirect_uris[0] as string,
      response_type: "code",
      scope: "openid",
      code_challenge: "A".repeat(43),
      code_challenge_method: "S256",
    });
    const answer = await server.http.inject({ method: "GET", url: `/oauth2/auth?${query}` });
    expect([answer.statusCode, answer.headers.location]).toEqual([303, expect.stringMatching(/^\/oauth2\/interaction\//)]);
    const discovery = await server.call("GET /.well-known/openid-configuration");
    expect(discovery.body.registration_endpoint).toBe("http://127.0.0.1:8080/oauth2/register");
  });

  it.each<[string, unknown, string]>([
    ["without a redirect URI", { client_name: "x" }, "invalid_redirect_uri"],
    ["with a script as its redirect URI", { ...metadata, redirect_uris: ["javascript:alert(1)"] }, "invalid_redirect_uri"],
    ["with plain http", { ...metadata, redirect_uris: ["http://notebook.example.com/"] }, "invalid_redirect_uri"],
    ["with a name that cannot be seen", { ...metadata, client_name: "\u200b" }, "invalid_client_metadata"],
    ["with a name that is a number", { ...metadata, client_name: 7 }, "invalid_client_metadata"],
    ["with a name of half a character", { ...metadata, client_name: "\ud800" }, "invalid_client_metadata"],
    ["with half a character in a redirect URI", { ...metadata, redirect_uris: ["https://a.example/\ud800"] }, "invalid_redirect_uri"],
    ["with an array", [metadata], "invalid_client_metadata"],
    ["with none of the allowed scopes", { ...metadata, scope: "User.Read" }, "invalid_client_metadata"],
  ])("is refused %s, and nothing is stored", async (_what, body, error) => {
    const before = await registered();
    const answer = await register(server, body);
    expect([answer.status, answer.body.error]).toEqual([400, error]);
    expect(await registered()).toBe(before);
  });

  it("is limited by address", async () => {
    const from = anAddress();
    const statuses = [];
    for (let count = 0; count < 21; count += 1) statuses.push((await register(server, metadata, from)).status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(20);
    expect(statuses.at(-1)).toBe(429);
  });

  it("ends after 90 days", async () => {
    const { body } = await register(server, metadata);
    await asOperator(server, "openid.pruneRegisteredClients", {});
    expect(await registered()).toBeGreaterThan(0);
    server.clock.advance(91 * 86_400);
    await asOperator(server, "openid.pruneRegisteredClients", {});
    expect(await registered()).toBe(0);
    const answer = await server.http.inject({ method: "GET", url: `/oauth2/auth?client_id=${body.client_id}&response_type=code` });
    expect(answer.statusCode).toBe(400);
  });
});

describe("an installation that does not allow it", () => {
  let closed: TestServer;
  beforeAll(async () => {
    closed = await startTestServer();
  });
  afterAll(() => closed.close());

  it("has no such address, and does not name one", async () => {
    const { token } = await newPerson(closed);
    expect((await register(closed, metadata)).status).toBe(404);
    expect((await closed.call("POST /oauth2/register", { body: metadata, token })).status).toBe(404);
    expect((await closed.call("GET /.well-known/openid-configuration")).body).not.toHaveProperty("registration_endpoint");
  });
});
