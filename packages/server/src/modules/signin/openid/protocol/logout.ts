import { clearSessionCookie } from "#operation/http/credential.ts";
import type { HttpAnswer, HttpRequest } from "#operation/transport/http-message.ts";
import { followSession } from "./browser.ts";
import { withCookies } from "./cookies.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import type { Exchange } from "./exchange.ts";
import { answerOfLibrary, setCookies } from "./library.ts";
import { paths } from "./routes.ts";

const confirmPath = `${paths.end_session}/confirm`;

/**
 * RP-initiated logout (OpenID Connect RP-Initiated Logout §2). A client that names the user by an ID token signs them out at once; otherwise the
 * user is asked, because another site may have sent them. A confirmed sign-out ends the session of this product.
 */
export async function logout(dependencies: ProtocolDependencies, exchange: Exchange): Promise<HttpAnswer> {
  const { provider, state, path } = exchange;
  const { request, cookies } = await followSession(provider, dependencies, exchange);
  if (path === confirmPath) return endSession(dependencies, exchange, { request, cookies });
  const answer = await answerOfLibrary(provider, request);
  const { logoutForm } = state;
  const isOwnRequest = state.idTokenSubject !== undefined && state.idTokenSubject === state.login?.userId;
  const given = [...cookies, ...setCookies(answer)];
  if (logoutForm === undefined || (state.login !== null && !isOwnRequest)) return withSetCookies(answer, given);
  const body = new URLSearchParams({ xsrf: logoutForm, logout: "yes" }).toString();
  return endSession(dependencies, exchange, { request: confirmation(request, { cookies: given, body }), cookies: given });
}

async function endSession(
  { dispatch, platform }: ProtocolDependencies,
  { provider, state }: Exchange,
  { request, cookies }: { readonly request: HttpRequest; readonly cookies: readonly string[] },
): Promise<HttpAnswer> {
  const answer = await answerOfLibrary(provider, request);
  const isConfirmed = answer.status === 303 && new URLSearchParams(Buffer.from(request.body).toString("utf8")).has("logout");
  const { login } = state;
  if (!isConfirmed || login === null) return withSetCookies(answer, [...cookies, ...setCookies(answer)]);
  // Every grant and token of the session ends with it, and its clients are told. So do the rows that the library has changed.
  state.work.discard();
  await dispatch.byName("sessions.logout", {}, { principal: login.principal, origin: request.origin });
  return withSetCookies(answer, [...cookies, ...setCookies(answer), clearSessionCookie(platform.settings.publicUrl)]);
}

const confirmation = (
  request: HttpRequest,
  { cookies, body }: { readonly cookies: readonly string[]; readonly body: string },
): HttpRequest => ({
  ...request,
  method: "POST",
  url: confirmPath,
  headers: {
    accept: "text/html",
    "content-type": "application/x-www-form-urlencoded",
    cookie: withCookies(request.headers["cookie"] as string | undefined, cookies),
  },
  body: Buffer.from(body),
});

const withSetCookies = (answer: HttpAnswer, cookies: readonly string[]): HttpAnswer =>
  cookies.length === 0 ? answer : { ...answer, headers: { ...answer.headers, "set-cookie": cookies } };
