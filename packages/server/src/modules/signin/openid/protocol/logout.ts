import { parseCookie } from "cookie";
import { OperationError } from "#operation/declaration/errors.ts";
import { clearSessionCookie } from "#operation/http/credential.ts";
import type { HttpAnswer, HttpRequest } from "#operation/transport/http-message.ts";
import { followSession, refuseOtherSite } from "./browser.ts";
import { cookieNames, withCookies } from "./cookies.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { LogoutNotFound } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { shownClient, shownUser } from "./interaction-details.ts";
import { jsonAnswer, jsonBody } from "./json-answers.ts";
import { answerOfLibrary, setCookies } from "./library.ts";
import { logoutPage, paths } from "./routes.ts";

/**
 * RP-initiated logout (OpenID Connect RP-Initiated Logout §2). A client that names the user by an ID token signs them out at once; otherwise the
 * user is asked, because another site may have sent them. A confirmed sign-out ends the session of this product.
 */
export async function logout(dependencies: ProtocolDependencies, exchange: Exchange): Promise<HttpAnswer> {
  const { provider, state, path } = exchange;
  if (path === `${paths.end_session}/details`) return logoutDetails(dependencies, exchange);
  if (path === logoutPage) return confirmLogout(dependencies, exchange);
  const { request, cookies } = await followSession(provider, dependencies, exchange);
  const answer = await answerOfLibrary(provider, request);
  const { logoutForm } = state;
  const isOwnRequest = state.idTokenSubject !== undefined && state.idTokenSubject === state.login?.userId;
  const given = [...cookies, ...setCookies(answer)];
  if (logoutForm === undefined || (state.login !== null && !isOwnRequest)) return withSetCookies(answer, given);
  const body = new URLSearchParams({ xsrf: logoutForm, logout: "yes" }).toString();
  return endSession(dependencies, exchange, { request: confirmation(request, { cookies: given, body }), cookies: given });
}

/** `GET /oauth2/logout/details`: what the page shows that asks whether to sign out. The client is null where none is named. */
async function logoutDetails(dependencies: ProtocolDependencies, exchange: Exchange): Promise<HttpAnswer> {
  const { clientId } = await openQuestion(dependencies, exchange);
  const client = clientId === undefined ? null : await dependencies.clients.find(clientId);
  return jsonAnswer({ client: client && shownClient(client), user: await shownUser(dependencies, exchange.state.login) });
}

/** `POST /oauth2/logout/confirm`: the user signs out. Answers with the address that the browser opens next. */
async function confirmLogout(dependencies: ProtocolDependencies, exchange: Exchange): Promise<HttpAnswer> {
  const { request } = exchange;
  refuseOtherSite(dependencies, request);
  jsonBody(request);
  const { secret } = await openQuestion(dependencies, exchange);
  const body = new URLSearchParams({ xsrf: secret, logout: "yes" }).toString();
  const answer = await endSession(dependencies, exchange, { request: confirmation(request, { cookies: [], body }), cookies: [] });
  if (answer.status !== 303) throw new OperationError(LogoutNotFound);
  return jsonAnswer({ redirectTo: String(answer.headers["location"]) }, { "set-cookie": [...setCookies(answer)] });
}

/** What the library remembers while it waits for the user. */
interface Question {
  readonly secret: string;
  readonly clientId?: string;
}

/** The sign-out that the browser's session waits for. Refuses where it waits for none, or has ended. */
async function openQuestion({ platform }: ProtocolDependencies, { provider, request, state }: Exchange): Promise<Question> {
  const id = parseCookie((request.headers["cookie"] as string | undefined) ?? "")[cookieNames(platform.settings.publicUrl).session];
  const session = id === undefined ? undefined : await provider.Session.find(id);
  const question = session?.state as Question | undefined;
  if (question === undefined || state.login === null || session?.accountId !== state.login.userId) throw new OperationError(LogoutNotFound);
  return question;
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
  url: logoutPage,
  headers: {
    accept: "text/html",
    "content-type": "application/x-www-form-urlencoded",
    cookie: withCookies(request.headers["cookie"] as string | undefined, cookies),
  },
  body: Buffer.from(body),
});

const withSetCookies = (answer: HttpAnswer, cookies: readonly string[]): HttpAnswer =>
  cookies.length === 0 ? answer : { ...answer, headers: { ...answer.headers, "set-cookie": cookies } };
