import type { HttpAnswer, HttpRequest } from "#operation/transport/http-message.ts";
import { authenticatedForm } from "./authenticated-form.ts";
import { permissionScopesOf } from "./client-metadata.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { jsonAnswer } from "./json-answers.ts";

const parameters: ReadonlySet<string> = new Set(["grant_type", "scope", "resource", "client_id", "client_secret"]);

/**
 * The plain client credentials grant (RFC 6749 §4.4): a service client with a secret gets a bearer token for this API. Undefined for every other
 * request, and for one that is refused: the library answers it.
 */
export async function grantClientCredentials(
  { clients, cached, platform: { settings } }: ProtocolDependencies,
  request: HttpRequest,
): Promise<HttpAnswer | undefined> {
  if (request.headers["dpop"] !== undefined) return undefined;
  const authenticated = await authenticatedForm(clients, request);
  if (authenticated === undefined) return undefined;
  const { client, form } = authenticated;
  const isPlain = form.get("grant_type") === "client_credentials" && [...form.keys()].every((name) => parameters.has(name));
  const { serviceAccountId } = client;
  if (!isPlain || client.kind !== "service" || serviceAccountId === null || client.dpopBound) return undefined;
  const resource = form.get("resource") ?? settings.publicUrl;
  const allowed = permissionScopesOf(client);
  // Without scopes in the request, the token has all of the client's (RFC 6749 §3.3).
  const scopes = form.get("scope")?.split(" ") ?? allowed;
  if (resource !== settings.publicUrl || !scopes.every((scope) => allowed.includes(scope))) return undefined;
  const subject = { id: serviceAccountId, kind: "service" as const, organizationId: client.organizationId, clientId: client.id, scopes };
  const { token, expiresIn } = await cached.tokens.issueToService(subject);
  return jsonAnswer({ access_token: token, expires_in: expiresIn, token_type: "Bearer", scope: scopes.join(" ") });
}
