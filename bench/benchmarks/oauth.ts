import { makeOrganization } from "../fixture.ts";
import type { Bench, Benchmark } from "../lib/benchmark.ts";
import { type RunningGatehouse, startOnPostgres } from "../lib/gatehouse-on-postgres.ts";
import { type Answer, expectAnswer, expectText, type HttpRequest, send } from "../lib/http.ts";
import { startReference } from "../lib/reference.ts";
import type { Side } from "../lib/side.ts";
import { type Sides, sideBySide } from "../lib/side-by-side.ts";

/** As in check-http. */
const connections = 64;

export const clientCredentials: Benchmark = {
  name: "client-credentials",
  compares: "a client credentials grant with an RS256 access token, against oidc-provider with its memory adapter",
  unit: "req/s",
  target: 1,
  direction: "atLeast",
  run: (bench) => sideBySide(bench, grants),
};

export const introspection: Benchmark = {
  name: "introspection",
  compares: "introspection of an access token, against oidc-provider with its memory adapter",
  unit: "req/s",
  target: 1,
  direction: "atLeast",
  run: (bench) => sideBySide(bench, introspections),
};

interface Client {
  readonly id: string;
  readonly secret: string;
}

const form = (path: string, { id, secret }: Client, fields: Readonly<Record<string, string>>): HttpRequest => ({
  method: "POST",
  path,
  headers: {
    authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
    "content-type": "application/x-www-form-urlencoded",
  },
  body: new URLSearchParams(fields).toString(),
});

const grant = (path: string, client: Client): HttpRequest => form(path, client, { grant_type: "client_credentials", scope: "Product" });

const expectToken =
  (name: string) =>
  (answer: Answer): void =>
    expectAnswer(name, answer, 200, { token_type: "Bearer", expires_in: 900, scope: "Product" });

const expectActive =
  (name: string) =>
  (answer: Answer): void =>
    expectAnswer(name, answer, 200, { active: true, scope: "Product" });

async function grants(bench: Bench): Promise<Sides> {
  const { gatehouse, client } = await gatehouseWithClient(bench);
  const reference = await startProvider(bench, client, "jwt");
  return {
    ours: side("gatehouse", gatehouse, grant("/oauth2/token", client), expectToken("gatehouse")),
    reference: side("oidc-provider", reference, grant("/token", client), expectToken("oidc-provider")),
  };
}

async function introspections(bench: Bench): Promise<Sides> {
  const { gatehouse, client } = await gatehouseWithClient(bench);
  // It cannot introspect a JWT: it looks up the tokens that it has stored.
  const reference = await startProvider(bench, client, "opaque");
  const tokenOf = async (url: string, path: string) => expectText(url, await send(url, grant(path, client)), "access_token");
  const [ours, theirs] = [await tokenOf(gatehouse.url, "/oauth2/token"), await tokenOf(reference.url, "/token")];
  return {
    ours: side("gatehouse", gatehouse, form("/oauth2/introspect", client, { token: ours }), expectActive("gatehouse")),
    reference: side("oidc-provider", reference, form("/token/introspection", client, { token: theirs }), expectActive("oidc-provider")),
  };
}

/** Gatehouse on PostgreSQL, with a service client of an organization. */
async function gatehouseWithClient(bench: Bench): Promise<{ readonly gatehouse: RunningGatehouse; readonly client: Client }> {
  const gatehouse = await startOnPostgres(bench);
  const { api, admin } = gatehouse;
  const { id: organizationId, owner } = await makeOrganization(api, admin);
  const { token } = owner;
  const roles = await api.get(`/api/v1/iam/roles?organizationId=${organizationId}`, { token, status: 200 });
  const role = (JSON.parse(roles.text).items as { name: string; id: string }[]).find(({ name }) => name === "Owner");
  const account = await api.post("/api/v1/service-accounts", {
    token,
    body: { organizationId, name: "Bench", roleIds: [role?.id] },
    status: 201,
  });
  const serviceAccountId = expectText("service-accounts", account, "id");
  const body = { organizationId, kind: "service", serviceAccountId, name: "Bench", scopes: ["Product"] };
  const created = await api.post("/api/v1/clients", { token, body, status: 201 });
  return { gatehouse, client: { id: expectText("clients", created, "id"), secret: expectText("clients", created, "clientSecret") } };
}

const startProvider = (bench: Bench, { id, secret }: Client, tokens: "jwt" | "opaque") =>
  startReference(bench.scope, "oidc-provider.ts", { CLIENT_ID: id, CLIENT_SECRET: secret, TOKENS: tokens });

const side = (
  name: string,
  { url, child }: { readonly url: string; readonly child: { readonly pid: number } },
  request: HttpRequest,
  expect: (answer: Answer) => void,
): Side => ({ name, url, pid: child.pid, connections, questions: [{ request, expect }] });
