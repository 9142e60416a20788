import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { anAddress } from "@gatehouse/testing/people.ts";
import { ofSuite, serverOfSuite } from "@gatehouse/testing/suite.ts";
import { describe, expect, it } from "vitest";

const server = serverOfSuite({ GATEHOUSE_CLIENT_REGISTRATION: "openid,profile,offline_access" });
const closed = serverOfSuite();

interface Served {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}
const documents = new Map<string, Served>();
const asked: string[] = [];
const host = ofSuite(
  async () => {
    const http = createServer((request, response) => {
      asked.push(request.url as string);
      const { status = 200, headers = {}, body } = documents.get(request.url as string) ?? { status: 404, body: "" };
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return http;
  },
  async (http) => {
    http.closeAllConnections();
    http.close();
  },
);

const origin = (): string => `http://127.0.0.1:${(host().address() as AddressInfo).port}`;
const redirectUri = "https://notebook.example.com/callback";

let count = 0;
/** A document at an address of its own; returns the address. */
function serve(changes: Readonly<Record<string, unknown>> = {}, served: Partial<Served> = {}): string {
  count += 1;
  const path = `/clients/${count}`;
  const metadata = { client_id: origin() + path, client_name: "Notebook", redirect_uris: [redirectUri], ...changes };
  documents.set(path, { body: JSON.stringify(metadata), ...served });
  return origin() + path;
}

async function authorize(clientId: string, on = server) {
  const query = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid",
    code_challenge: "A".repeat(43),
    code_challenge_method: "S256",
  });
  return on.http.inject({ method: "GET", url: `/oauth2/auth?${query}`, remoteAddress: anAddress() });
}

describe("a client with a metadata document as its id", () => {
  it("asks for a sign-in, and is shown with the host of its address", async () => {
    const answer = await authorize(serve());
    expect(answer.statusCode, answer.body).toBe(303);
    const cookie = [answer.headers["set-cookie"] ?? []]
      .flat()
      .map((line) => line.split(";")[0])
      .join("; ");
    const details = await server.http.inject({ method: "GET", url: `${answer.headers.location}/details`, headers: { cookie } });
    expect(details.json().client).toMatchObject({ name: `Notebook (${new URL(origin()).host})`, firstParty: false });
    const discovery = await server.call("GET /.well-known/openid-configuration");
    expect(discovery.body.client_id_metadata_document_supported).toBe(true);
  });

  it("is read once for concurrent and repeated requests", async () => {
    const id = serve();
    await Promise.all([authorize(id), authorize(id), authorize(id)]);
    await authorize(id);
    expect(asked.filter((path) => path === new URL(id).pathname)).toHaveLength(1);
  });

  it.each<[string, () => string]>([
    ["names another client", () => serve({ client_id: "https://other.example.com/client" })],
    ["has a secret", () => serve({ client_secret: "x" })],
    ["authenticates with a secret", () => serve({ token_endpoint_auth_method: "client_secret_basic" })],
    ["has another redirect URI", () => serve({ redirect_uris: ["https://evil.example.com/"] })],
    ["has no redirect URIs", () => serve({ redirect_uris: "https://notebook.example.com/callback" })],
    ["has a script as a redirect URI", () => serve({ redirect_uris: [redirectUri, "javascript:alert(1)"] })],
    ["asks for no scope that applications may give themselves", () => serve({ scope: "User.Read" })],
    ["is no JSON", () => serve({}, { body: "<html>" })],
    ["is sent as a page", () => serve({}, { headers: { "content-type": "text/html" } })],
    ["is a list", () => serve({}, { body: "[]" })],
    ["is larger than 5 KB", () => serve({ padding: "x".repeat(6_000) })],
    ["is elsewhere", () => serve({}, { status: 302, headers: { location: origin() } })],
    ["is not there", () => `${origin()}/none`],
  ])("is refused where its document %s", async (_what, document) => {
    const answer = await authorize(document());
    expect([answer.statusCode, answer.headers.location]).toEqual([400, undefined]);
  });

  it.each([
    ["a user", () => `http://x@${new URL(origin()).host}/clients/1`],
    ["a query", () => `${origin()}/clients/1?x`],
    ["a fragment", () => `${origin()}/clients/1#x`],
    ["no path", () => `${origin()}/`],
    ["a step up", () => `${origin()}/a/../clients/1`],
    ["another scheme", () => "file:///etc/passwd"],
    ["a private address", () => "https://10.0.0.1/client"],
    ["the address of cloud metadata", () => "https://169.254.169.254/client"],
  ])("is refused without a request where its address has %s", async (_what, id) => {
    const before = asked.length;
    expect((await authorize(id())).statusCode).toBe(400);
    expect(asked.length).toBe(before);
  });

  it("is unknown where applications may not introduce themselves", async () => {
    const id = serve();
    expect((await authorize(id, closed)).statusCode).toBe(400);
    expect(asked).not.toContain(new URL(id).pathname);
  });
});
