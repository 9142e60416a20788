import type { HttpAnswer, HttpRequest } from "#operation/transport/http-message.ts";
import type { ActiveClient } from "../active-client.ts";
import { authenticatedForm } from "./authenticated-form.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import type { Exchange } from "./exchange.ts";
import { jsonAnswer, oauthError } from "./json-answers.ts";
import { answerOfLibrary } from "./library.ts";

/** Stands for a JWT in a request to the library, which knows only the tokens that it has stored. */
const unknownToken = "unknown";

interface Authenticated {
  readonly client: ActiveClient;
  /** The token, where it is a JWT. */
  readonly token: string | undefined;
  /** The library's answer: about the token where that is no JWT, else about an unknown one. */
  readonly answer: HttpAnswer;
}

/** Introspection (RFC 7662) of every token, also of JWT access tokens. */
export async function introspect(dependencies: ProtocolDependencies, exchange: Exchange): Promise<HttpAnswer> {
  const plain = await authenticatedForm(dependencies.clients, exchange.request);
  const plainToken = plain?.form.get("token");
  if (plain !== undefined && plainToken != null && isJwt(plainToken)) {
    return (await introspectJwt(dependencies, plain.client, plainToken)) ?? jsonAnswer({ active: false });
  }
  const authenticated = await authenticate(dependencies, exchange);
  if (!("client" in authenticated)) return authenticated;
  const { client, token, answer } = authenticated;
  return (token === undefined ? undefined : await introspectJwt(dependencies, client, token)) ?? answer;
}

/** Undefined where the token is not valid, or none that the client may know. */
async function introspectJwt({ cached }: ProtocolDependencies, client: ActiveClient, token: string): Promise<HttpAnswer | undefined> {
  const found = await cached.tokens.accessToken(token);
  if (found === null || !mayIntrospect(client, { clientId: found.claims.client_id, organizationId: found.claims.tid })) return undefined;
  return jsonAnswer({ ...found.claims, active: true, token_type: "Bearer" });
}

/**
 * Whether a client learns about a token: its own, and those of its organization. A global client is one of the operator. A public client could ask
 * about tokens that it has stolen.
 */
export const mayIntrospect = (
  client: Pick<ActiveClient, "id" | "kind" | "organizationId">,
  token: { readonly clientId: string | undefined; readonly organizationId: string | null | undefined },
): boolean =>
  client.kind !== "public" &&
  (client.organizationId === null || token.clientId === client.id || token.organizationId === client.organizationId);

/** Revocation (RFC 7009) of every token. A JWT is refused in every process from then on. */
export async function revoke(dependencies: ProtocolDependencies, exchange: Exchange): Promise<HttpAnswer> {
  const authenticated = await authenticate(dependencies, exchange);
  if (!("client" in authenticated)) return authenticated;
  const { client, token, answer } = authenticated;
  if (token === undefined) return answer;
  const found = await dependencies.cached.tokens.accessToken(token);
  if (found === null) return answer;
  if (found.claims.client_id !== client.id)
    return oauthError(400, "invalid_request", "client is not authorized to revoke the presented token");
  exchange.state.work.add("AccessToken", async (_store, _now, { tokens }) => {
    await tokens.revoke(found.claims.jti);
    return true;
  });
  return answer;
}

/** Lets the library authenticate the client, and answer about a token of its own. The answer is its refusal where it does not succeed. */
async function authenticate(
  { clients }: ProtocolDependencies,
  { provider, request, state }: Exchange,
): Promise<Authenticated | HttpAnswer> {
  const form = new URLSearchParams(Buffer.from(request.body).toString("utf8"));
  const tokens = form.getAll("token");
  const token = tokens.length === 1 && isJwt(tokens[0] as string) ? tokens[0] : undefined;
  if (token !== undefined) form.set("token", unknownToken);
  const answer = await answerOfLibrary(provider, token === undefined ? request : withForm(request, form));
  const client = answer.status === 200 && state.clientId !== undefined ? await clients.find(state.clientId) : null;
  return client === null ? answer : { client, token, answer };
}

/** Whether a token has the form of a JWT: the other ones of this product have no dots. */
export const isJwt = (token: string): boolean => token.startsWith("eyJ") && token.split(".", 4).length === 3;

const withForm = (request: HttpRequest, form: URLSearchParams): HttpRequest => ({ ...request, body: Buffer.from(form.toString()) });
