import { Compile } from "typebox/compile";
import { invalid, OperationError } from "#operation/declaration/errors.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import type { HttpAnswer } from "#operation/transport/http-message.ts";
import type { ActiveClient } from "../active-client.ts";
import { loginFacts, refuseOtherSite } from "./browser.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { NotYourOrganization, UserCodeUnknown } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { grantScopes } from "./grants.ts";
import { requireLogin } from "./interaction.ts";
import { shownClient, shownUser } from "./interaction-details.ts";
import { jsonAnswer, jsonBody } from "./json-answers.ts";
import { organizationChoice } from "./organization-choice.ts";
import { countGuess, refuseGuessing } from "./rate-limits.ts";
import { describeScopes } from "./requested-scopes.ts";
import { rememberClient } from "./session-clients.ts";

const Submitted = Type.Object(
  {
    userCode: Type.String({ maxLength: 50 }),
    action: Type.Union([Type.Literal("allow"), Type.Literal("deny")]),
    organizationId: Type.Optional(nullable(Uuid)),
  },
  { additionalProperties: false },
);
const submitted = Compile(Submitted);

/** `GET /oauth2/device/details`: what a device asks for, by the code that it shows (RFC 8628 §3.3). */
export async function deviceDetails(dependencies: ProtocolDependencies, exchange: Exchange): Promise<HttpAnswer> {
  const { request, state } = exchange;
  const userCode = new URL(request.url, "http://device").searchParams.get("user_code") ?? "";
  const { client, scopes } = await waitingDevice(dependencies, exchange, userCode);
  return jsonAnswer({
    client: shownClient(client),
    user: await shownUser(dependencies, state.login),
    scopes: await describeScopes(dependencies, scopes),
  });
}

/** `POST /oauth2/device`: the decision of the user. Also a first-party client needs one: another person may have sent the code. */
export async function submitDevice(dependencies: ProtocolDependencies, exchange: Exchange): Promise<HttpAnswer> {
  const { request, state } = exchange;
  refuseOtherSite(dependencies, request);
  const body = jsonBody(request);
  if (!submitted.Check(body)) throw invalid({ field: "body", rule: "shape", message: "is not a decision" });
  requireLogin(state);
  const device = await waitingDevice(dependencies, exchange, body.userCode);
  if (body.action === "allow") return allow(dependencies, exchange, { ...device, organizationId: body.organizationId?.toLowerCase() });
  Object.assign(device.code, { error: "access_denied", errorDescription: "the user denied the request" });
  await device.code.save();
  return jsonAnswer({ outcome: "denied" });
}

type DeviceCode = NonNullable<Awaited<ReturnType<Exchange["provider"]["DeviceCode"]["findByUserCode"]>>>;

interface WaitingDevice {
  readonly code: DeviceCode;
  readonly client: ActiveClient;
  readonly scopes: readonly string[];
}

/** The device that shows a code. One that was answered or has expired is unknown like any other code. */
async function waitingDevice(dependencies: ProtocolDependencies, { provider, request }: Exchange, entered: string): Promise<WaitingDevice> {
  const { ip } = request.origin;
  await refuseGuessing(dependencies, ip);
  const code = await provider.DeviceCode.findByUserCode(entered.toUpperCase().replace(/\W/g, ""));
  const client = code === undefined ? null : await dependencies.clients.find(code.clientId as string);
  if (code === undefined || client === null || code.accountId !== undefined || code.error !== undefined) {
    await countGuess(dependencies, ip);
    throw new OperationError(UserCodeUnknown);
  }
  const scopes = String((code.params as { readonly scope?: string }).scope ?? "").split(" ");
  return { code, client, scopes: scopes.filter((scope) => client.scopes.includes(scope)) };
}

async function allow(
  dependencies: ProtocolDependencies,
  { provider, state }: Exchange,
  { code, client, scopes, organizationId }: WaitingDevice & { readonly organizationId: string | undefined },
): Promise<HttpAnswer> {
  const login = requireLogin(state);
  const choice = await organizationChoice(dependencies, client, login);
  if (choice.kind === "refused") throw new OperationError(NotYourOrganization);
  // Where the page does not ask, the tokens are for no organization.
  const offered = choice.kind === "choose" ? [null, ...choice.organizations.map(({ id }) => id)] : [choice.organizationId];
  const chosen = organizationId ?? offered[0] ?? null;
  if (!offered.includes(chosen)) throw new OperationError(NotYourOrganization);
  state.organizationId = chosen;
  state.sessionId = login.sessionId;
  const resources = [(code.params as { readonly resource?: string | readonly string[] }).resource ?? []].flat();
  const grant = new provider.Grant({ accountId: login.userId, clientId: client.id });
  grantScopes(grant, scopes, { client, resources });
  const { accountId, ts, amr, acr } = loginFacts(login);
  Object.assign(code, {
    accountId,
    acr,
    amr,
    authTime: ts,
    grantId: await grant.save(),
    scope: scopes.join(" "),
    ...(resources.length > 0 && { resource: resources.length === 1 ? resources[0] : resources }),
    ...(client.backchannelLogoutUri !== null && { sid: login.sessionId }),
  });
  await code.save();
  rememberClient(state, client);
  return jsonAnswer({ outcome: "allowed" });
}
