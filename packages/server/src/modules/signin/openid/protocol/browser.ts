import { parseCookie } from "cookie";
import type { Provider } from "oidc-provider";
import { credentialOf, refuseOtherSites } from "#operation/http/credential.ts";
import type { HttpRequest } from "#operation/transport/http-message.ts";
import { contextClassOf } from "./claims.ts";
import { cookieNames, withCookies } from "./cookies.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import type { Login } from "./login.ts";
import type { RequestState } from "./request-state.ts";

/** The signed-in user of a browser; null where its cookie is of no live session. */
export async function loginOf({ platform, authenticate }: ProtocolDependencies, { headers }: HttpRequest): Promise<Login | null> {
  const cookie = headers["cookie"] as string | undefined;
  const sent = cookie === undefined ? undefined : credentialOf({ headers: { cookie } }, platform.settings.publicUrl, "GET");
  const principal = sent === undefined ? null : await authenticate(sent.token);
  if (principal?.kind !== "user" || principal.credential.kind !== "session") return null;
  return { principal, sessionId: principal.credential.id, userId: principal.id, organizationId: principal.organizationId };
}

/** Refuses a request that changes something and that a page of another site has caused. */
export const refuseOtherSite = ({ platform }: ProtocolDependencies, { headers }: HttpRequest): void =>
  refuseOtherSites({ headers: headers as never }, platform.settings.publicUrl);

/** What the library calls a login: who, when and how. */
export const loginFacts = ({ principal: { id, credential } }: Login) => ({
  accountId: id,
  ts: Math.floor(credential.authenticatedAt / 1_000),
  amr: [...credential.methods],
  acr: contextClassOf(credential.methods),
});

/**
 * Makes the provider's session follow the session of this product: a user who is signed in here is signed in there, and not otherwise. Returns
 * the request as the library shall see it, and the cookies that the browser gets in addition.
 */
export async function followSession(
  provider: Provider,
  { platform }: ProtocolDependencies,
  { request, state }: { readonly request: HttpRequest; readonly state: RequestState },
): Promise<{ readonly request: HttpRequest; readonly cookies: readonly string[] }> {
  const { publicUrl, sessionAbsoluteSeconds } = platform.settings;
  const { session: name } = cookieNames(publicUrl);
  const cookie = request.headers["cookie"] as string | undefined;
  const id = parseCookie(cookie ?? "")[name];
  const present = id === undefined ? undefined : await provider.Session.find(id);
  const { login } = state;
  if (present?.accountId === login?.userId && (login === null || state.browserSessionId === login.sessionId))
    return { request, cookies: [] };
  if (present?.accountId !== undefined) await present.destroy();
  if (login === null) return { request: withHeader(request, withCookies(cookie, [`${name}=`])), cookies: [] };
  const session = new provider.Session();
  const { ts, ...facts } = loginFacts(login);
  session.loginAccount({ ...facts, loginTs: ts } as never);
  await session.save(sessionAbsoluteSeconds);
  state.browserSessionId = login.sessionId;
  const secure = publicUrl.startsWith("https:") ? "; secure" : "";
  const line = `${name}=${session.jti}; path=/; samesite=lax${secure}; httponly`;
  return { request: withHeader(request, withCookies(cookie, [line])), cookies: [line] };
}

const withHeader = (request: HttpRequest, cookie: string): HttpRequest => ({ ...request, headers: { ...request.headers, cookie } });
