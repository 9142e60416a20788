import type { HttpAnswer } from "#operation/transport/http-message.ts";
import type { ActiveClient } from "../active-client.ts";
import { type ProtocolDependencies, reading } from "./dependencies.ts";
import type { Exchange } from "./exchange.ts";
import { choiceOf, isExpectedSignIn, type OpenInteraction, openInteraction } from "./interaction.ts";
import { jsonAnswer } from "./json-answers.ts";
import type { Login } from "./login.ts";
import { type OrganizationName, organizationChoice } from "./organization-choice.ts";
import { describeScopes, missingScopes } from "./requested-scopes.ts";

/** The application, as pages show it. */
export const shownClient = ({ name, logoUri, policyUri, tosUri, firstParty }: ActiveClient) => ({
  name,
  logoUri,
  policyUri,
  tosUri,
  firstParty,
});

/** `GET /oauth2/interaction/:uid/details`: what the page of an interaction shows (docs/security/openid.md). */
export async function interactionDetails(dependencies: ProtocolDependencies, exchange: Exchange, uid: string): Promise<HttpAnswer> {
  const { provider, request, state } = exchange;
  const interaction = await openInteraction(provider, dependencies, { uid, request });
  const { stored, client, prompt } = interaction;
  // A user who has to sign in again is shown the form, not their account.
  const login = state.login !== null && (await isExpectedSignIn(interaction, state.login, exchange)) ? state.login : null;
  return jsonAnswer({
    prompt,
    client: shownClient(client),
    user: await shownUser(dependencies, login),
    ...(await organizationsOf(dependencies, interaction, login)),
    scopes: prompt === "consent" ? await describeScopes(dependencies, scopesOfConsent(interaction)) : [],
    loginHint: typeof stored.params["login_hint"] === "string" ? stored.params["login_hint"] : null,
  });
}

/**
 * What a consent is about: the scopes that are not decided yet. Where a native application only has to be confirmed, those that it asks for.
 */
function scopesOfConsent({ stored, client }: OpenInteraction): readonly string[] {
  const missing = missingScopes(stored.prompt.details);
  if (missing.length > 0) return missing;
  const asked = String(stored.params["scope"] ?? "").split(" ");
  return asked.filter((scope) => client.scopes.includes(scope));
}

export async function shownUser({ accounts }: ProtocolDependencies, login: Login | null) {
  const account = login === null ? null : await accounts.find(login.sessionId);
  if (account === null) return null;
  const { email, firstName, lastName } = account.user;
  return { email, firstName, lastName };
}

/** The organizations to choose from, and the one that is decided or the only possible one. */
async function organizationsOf(dependencies: ProtocolDependencies, interaction: OpenInteraction, login: Login | null) {
  const none: { organizations: readonly OrganizationName[]; organizationId: string | null } = {
    organizations: [],
    organizationId: interaction.client.organizationId,
  };
  if (login === null) return none;
  const offered = await organizationChoice(dependencies, interaction.client, login);
  const choice = await choiceOf(dependencies, interaction, login);
  return {
    organizations:
      offered.kind === "choose"
        ? offered.organizations
        : await named(dependencies, choice.kind === "decided" ? choice.organizationId : null),
    organizationId: choice.kind === "decided" ? choice.organizationId : none.organizationId,
  };
}

async function named(dependencies: ProtocolDependencies, id: string | null): Promise<readonly OrganizationName[]> {
  if (id === null) return [];
  const name = await reading(dependencies, ({ tenancy }) => tenancy.organizationName(id));
  return name === undefined ? [] : [{ id, name }];
}
