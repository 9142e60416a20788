import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { newAdministrator, type Person } from "@gatehouse/testing/people.ts";
import { ofSuite, serverOfSuite } from "@gatehouse/testing/suite.ts";
import { passPages, WebBrowser } from "@gatehouse/testing/web-browser.ts";
import { auth, type OAuthClientProvider, UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { OAuthClientInformationMixed, OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { beforeAll, describe, expect, it } from "vitest";

const port = await freePort();
const issuer = `http://127.0.0.1:${port}`;
const endpoint = new URL("/mcp", issuer);
const callback = `${issuer}/mcp/callback`;
const server = serverOfSuite({ PUBLIC_URL: issuer, GATEHOUSE_CLIENT_REGISTRATION: "openid,offline_access,User.Read" });

/** An MCP server behind the address of this product: its tool calls the API as the user, with the token that it has got. */
const mcpServer = () => {
  const mcp = new McpServer({ name: "users", version: "1.0.0" });
  mcp.registerTool("list_users", { description: "Lists the users." }, async ({ requestInfo }) => {
    const token = bearerOf(requestInfo?.headers["authorization"]);
    const { status, body } = await server.call("GET /api/v1/users", { token });
    return { content: [{ type: "text", text: JSON.stringify({ status, users: body.items?.length ?? null }) }] };
  });
  return mcp;
};

const bearerOf = (header: string | string[] | undefined): string => String(header ?? "").replace(/^Bearer /, "");

const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", issuer));

async function answerMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url?.startsWith("/mcp/callback")) return void response.end();
  try {
    await jwtVerify(bearerOf(request.headers.authorization), keys, { issuer, audience: issuer, typ: "at+jwt" });
  } catch {
    const challenge = `Bearer resource_metadata="${issuer}/.well-known/oauth-protected-resource"`;
    return void response.writeHead(401, { "www-authenticate": challenge }).end();
  }
  // Without an id of a session: each request stands alone.
  const transport = new StreamableHTTPServerTransport({});
  await mcpServer().connect(transport as never);
  await transport.handleRequest(request, response);
}

ofSuite(
  async () => {
    const http = createServer((request, response) =>
      request.url?.startsWith("/mcp") ? void answerMcp(request, response) : server.http.routing(request, response),
    );
    http.listen(port, "127.0.0.1");
    await once(http, "listening");
    return http;
  },
  async (http) => {
    http.closeAllConnections();
    http.close();
  },
);

/** What an MCP host stores of its client. Nothing is configured: it registers itself (RFC 7591). */
class StoredClient implements OAuthClientProvider {
  readonly redirectUrl = callback;
  authorizationUrl: URL | undefined;
  #tokens: OAuthTokens | undefined;
  #verifier = "";
  #information: OAuthClientInformationMixed | undefined;

  get clientMetadata() {
    return { client_name: "Notebook", redirect_uris: [callback], scope: "openid offline_access User.Read" };
  }
  clientInformation = () => this.#information;
  saveClientInformation(information: OAuthClientInformationMixed): void {
    this.#information = information;
  }
  state = () => "of the host";
  tokens = () => this.#tokens;
  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens;
  }
  redirectToAuthorization(url: URL): void {
    this.authorizationUrl = url;
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }
  codeVerifier = () => this.#verifier;
}

let person: Person;
const stored = new StoredClient();
beforeAll(async () => {
  person = await newAdministrator(server);
});

const connect = async () => {
  const client = new Client({ name: "Notebook", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(endpoint, { authProvider: stored });
  await client.connect(transport as never);
  return client;
};

async function listUsers(): Promise<{ readonly status: number; readonly users: number | null }> {
  const client = await connect();
  const { content } = (await client.callTool({ name: "list_users" })) as { readonly content: readonly { readonly text: string }[] };
  await client.close();
  return JSON.parse(content[0]?.text ?? "null");
}

describe("a client of the Model Context Protocol", () => {
  it("is told by a refusal of the API where the metadata of the resource is (RFC 9728 §5.1)", async () => {
    const refused = await fetch(`${issuer}/api/v1/users`);
    const address = /resource_metadata="([^"]+)"/.exec(refused.headers.get("www-authenticate") ?? "")?.[1];
    const metadata = await (await fetch(address as string)).json();
    expect([refused.status, metadata]).toEqual([401, expect.objectContaining({ resource: issuer, authorization_servers: [issuer] })]);
  });

  it("finds the authorization server by its metadata, registers a client, authorizes for the resource, and calls a tool as the user", async () => {
    await expect(connect()).rejects.toBeInstanceOf(UnauthorizedError);
    const asked = stored.authorizationUrl as URL;
    expect(asked.origin + asked.pathname).toBe(`${issuer}/oauth2/auth`);
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({ resource: issuer, code_challenge_method: "S256", state: "of the host" });
    const browser = new WebBrowser();
    const { page, shown } = await passPages(browser, await browser.open(asked), person);
    expect([page.url.origin + page.url.pathname, shown]).toEqual([callback, ["login", "consent"]]);
    await new StreamableHTTPClientTransport(endpoint, { authProvider: stored }).finishAuth(page.url.searchParams.get("code") as string);
    expect(decodeJwt(stored.tokens()?.access_token as string)).toMatchObject({ aud: issuer, sub: person.id, scope: "User.Read" });
    expect(await listUsers()).toMatchObject({ status: 200, users: expect.any(Number) });

    const first = stored.tokens();
    expect(await auth(stored, { serverUrl: endpoint })).toBe("AUTHORIZED");
    expect(stored.tokens()?.access_token).not.toBe(first?.access_token);
    expect(await listUsers()).toMatchObject({ status: 200 });

    await browser.post(new URL("/api/v1/iam/auth/logout", issuer), {});
    expect(await listUsers()).toEqual({ status: 401, users: null });
  });
});
