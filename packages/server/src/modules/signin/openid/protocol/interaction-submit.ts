import { Compile } from "typebox/compile";
import { invalid, OperationError } from "#operation/declaration/errors.ts";
import { nullable, type Static, Type, Uuid } from "#operation/declaration/schema.ts";
import { clearSessionCookie } from "#operation/http/credential.ts";
import type { HttpAnswer } from "#operation/transport/http-message.ts";
import { loginFacts, refuseOtherSite } from "./browser.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { ActionNotPossible, NotYourOrganization, SignInAgain } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { grantScopes } from "./grants.ts";
import { choiceOf, isExpectedSignIn, type OpenInteraction, openInteraction, type PromptName, requireLogin } from "./interaction.ts";
import { jsonAnswer, jsonBody } from "./json-answers.ts";
import { organizationChoice } from "./organization-choice.ts";
import { missingResources, missingScopes } from "./requested-scopes.ts";
import { paths } from "./routes.ts";

const scopesMax = 200;
const Submitted = Type.Object(
  {
    action: Type.Union([
      Type.Literal("continue"),
      Type.Literal("switch-account"),
      Type.Literal("choose-organization"),
      Type.Literal("allow"),
      Type.Literal("deny"),
    ]),
    organizationId: Type.Optional(nullable(Uuid)),
    /** The scopes that the page has shown. Others are not granted. */
    scopes: Type.Optional(Type.Array(Type.String({ maxLength: 255 }), { maxItems: scopesMax })),
  },
  { additionalProperties: false },
);
type Submitted = Static<typeof Submitted>;
const submitted = Compile(Submitted);

/** The actions that a prompt waits for. An account can be switched, and the application refused, at any time. */
const actionsOf: Readonly<Record<PromptName, readonly Submitted["action"][]>> = {
  login: ["continue", "switch-account", "deny"],
  organization: ["choose-organization", "switch-account", "deny"],
  consent: ["allow", "switch-account", "deny"],
};

interface Step extends Exchange {
  readonly interaction: OpenInteraction;
  readonly input: Submitted;
}

/** `POST /oauth2/interaction/:uid`: a decision of the user. Answers with the address that the browser opens next. */
export async function submitInteraction(dependencies: ProtocolDependencies, exchange: Exchange, uid: string): Promise<HttpAnswer> {
  const { provider, request } = exchange;
  refuseOtherSite(dependencies, request);
  const input = read(jsonBody(request));
  const interaction = await openInteraction(provider, dependencies, { uid, request });
  if (!actionsOf[interaction.prompt]?.includes(input.action)) throw new OperationError(ActionNotPossible);
  const step = { ...exchange, interaction, input };
  switch (input.action) {
    case "continue":
      return continueSignedIn(step);
    case "switch-account":
      return switchAccount(dependencies, step);
    case "choose-organization":
      return chooseOrganization(dependencies, step);
    case "allow":
      return allow(dependencies, step);
    case "deny":
      return resume(step, { error: "access_denied", error_description: "the user denied the request" });
  }
}

function read(body: Readonly<Record<string, unknown>>): Submitted {
  if (submitted.Check(body)) return body;
  const [first] = submitted.Errors(body);
  throw invalid({ field: first?.instancePath.slice(1).split("/", 1)[0] || "action", rule: "shape", message: "is not a decision" });
}

/** Stores the decision. The browser goes on where the authorization stopped. */
async function resume({ interaction: { stored } }: Pick<Step, "interaction">, result: object): Promise<HttpAnswer> {
  stored.result = "error" in result ? (result as never) : { ...stored.lastSubmission, ...result };
  // `exp` is by the clock of the library.
  await stored.save(Math.max(1, stored.exp - Math.floor(Date.now() / 1_000)));
  const { pathname, search } = new URL(stored.returnTo);
  return jsonAnswer({ redirectTo: pathname + search });
}

async function continueSignedIn({ interaction, ...exchange }: Step): Promise<HttpAnswer> {
  const login = requireLogin(exchange.state);
  if (!(await isExpectedSignIn(interaction, login, exchange))) throw new OperationError(SignInAgain);
  // The library would refuse to go on with another session than the one in which the interaction began.
  delete (interaction.stored as { session?: object }).session;
  return resume({ interaction }, { login: loginFacts(login) });
}

/** Ends the session of the browser, and begins the authorization anew: everything that was decided was for the other account. */
async function switchAccount(
  { dispatch, platform }: ProtocolDependencies,
  { state, interaction: { stored }, request }: Step,
): Promise<HttpAnswer> {
  const { login } = state;
  if (login !== null) await dispatch.byName("sessions.logout", {}, { principal: login.principal, origin: request.origin });
  await stored.destroy();
  const parameters = Object.entries(stored.params).filter(([, value]) => typeof value === "string") as [string, string][];
  const cookie = login === null ? {} : { "set-cookie": clearSessionCookie(platform.settings.publicUrl) };
  return jsonAnswer({ redirectTo: `${paths.authorization}?${new URLSearchParams(parameters)}` }, cookie);
}

async function chooseOrganization(dependencies: ProtocolDependencies, step: Step): Promise<HttpAnswer> {
  const { state, interaction, input } = step;
  const choice = await organizationChoice(dependencies, interaction.client, requireLogin(state));
  const id = input.organizationId?.toLowerCase();
  if (choice.kind !== "choose" || !choice.organizations.some((offered) => offered.id === id)) throw new OperationError(NotYourOrganization);
  return resume(step, { organization: { id } });
}

/** Grants the scopes that the page has shown, and refuses the others that were asked for, so that they are not asked for again. */
async function allow(dependencies: ProtocolDependencies, step: Step): Promise<HttpAnswer> {
  const { provider, state, interaction, input } = step;
  const { stored, client } = interaction;
  const login = requireLogin(state);
  if (stored.session?.accountId !== login.userId) throw new OperationError(SignInAgain);
  const choice = await choiceOf(dependencies, interaction, login);
  if (choice.kind !== "decided") throw new OperationError(NotYourOrganization);
  const asked = missingScopes(stored.prompt.details);
  const given = input.scopes === undefined ? asked : asked.filter((scope) => input.scopes?.includes(scope));
  const resources = missingResources(stored.prompt.details);
  const earlier = stored.grantId === undefined ? undefined : await provider.Grant.find(stored.grantId);
  const grant = earlier ?? new provider.Grant({ accountId: login.userId, clientId: client.id });
  grantScopes(grant, given, { client, resources });
  for (const scope of asked.filter((one) => !given.includes(one))) {
    grant.rejectOIDCScope(scope);
    for (const resource of resources) grant.rejectResourceScope(resource, scope);
  }
  state.organizationId = choice.organizationId;
  return resume(step, { consent: { grantId: await grant.save() } });
}
