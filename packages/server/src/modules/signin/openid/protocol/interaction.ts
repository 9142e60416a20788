import { parseCookie } from "cookie";
import type { Provider } from "oidc-provider";
import { CredentialRequired, OperationError } from "#operation/declaration/errors.ts";
import type { HttpRequest } from "#operation/transport/http-message.ts";
import type { ActiveClient } from "../active-client.ts";
import { cookieNames } from "./cookies.ts";
import type { ProtocolDependencies } from "./dependencies.ts";
import { InteractionNotFound } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { Login } from "./login.ts";
import type { OrganizationChoice } from "./organization-choice.ts";
import { organizationChoice } from "./organization-choice.ts";
import type { RequestState } from "./request-state.ts";

export type StoredInteraction = InstanceType<Provider["Interaction"]>;

/** What the provider waits for. */
export type PromptName = "login" | "organization" | "consent";

/** An interaction of the browser that began it, with its client. */
export interface OpenInteraction {
  readonly stored: StoredInteraction;
  readonly client: ActiveClient;
  readonly prompt: PromptName;
}

/** Finds the interaction of an address. Refuses it as unknown in another browser than the one that began it, and where it has ended. */
export async function openInteraction(
  provider: Provider,
  { platform, clients }: ProtocolDependencies,
  { uid, request }: { readonly uid: string; readonly request: HttpRequest },
): Promise<OpenInteraction> {
  const cookies = parseCookie((request.headers["cookie"] as string | undefined) ?? "");
  const isOwn = cookies[cookieNames(platform.settings.publicUrl).interaction] === uid;
  const stored = isOwn ? await provider.Interaction.find(uid) : undefined;
  const client = stored === undefined ? null : await clients.find(String(stored.params["client_id"]));
  if (stored === undefined || client === null) throw new OperationError(InteractionNotFound);
  return { stored, client, prompt: stored.prompt.name as PromptName };
}

/** The earlier decisions of the user in the same authorization. */
export interface Submission {
  readonly organization?: { readonly id: string };
}

export const earlierSubmission = ({ stored }: OpenInteraction): Submission => (stored.lastSubmission ?? {}) as Submission;

/** The reasons that an earlier sign-in does not satisfy. */
const recentSignIn: ReadonlySet<string> = new Set(["login_prompt", "max_age", "essential_acr", "essential_acrs"]);

/** Whether the sign-in of the browser is one that the interaction waits for. */
export async function isExpectedSignIn(
  { stored, client, prompt }: OpenInteraction,
  login: Login,
  { provider, state }: Exchange,
): Promise<boolean> {
  if (prompt !== "login") return true;
  if (client.organizationId !== null && login.organizationId !== null && login.organizationId !== client.organizationId) return false;
  if (!stored.prompt.reasons.some((reason) => recentSignIn.has(reason))) return true;
  // The application asks for a new sign-in: it is later than the interaction, and not the one of the session in which that began.
  if (login.principal.credential.authenticatedAt < stored.iat * 1_000) return false;
  const { cookie } = stored.session ?? {};
  if (cookie === undefined || (await provider.Session.find(cookie)) === undefined) return true;
  return state.browserSessionId !== login.sessionId;
}

/** The signed-in user. Refuses a browser without one. */
export function requireLogin({ login }: RequestState): Login {
  if (login === null) throw new OperationError(CredentialRequired);
  return login;
}

/** The organization of the tokens, with the user's choice in this authorization. */
export async function choiceOf(
  dependencies: ProtocolDependencies,
  interaction: OpenInteraction,
  login: Login,
): Promise<OrganizationChoice> {
  const choice = await organizationChoice(dependencies, interaction.client, login);
  const chosen = earlierSubmission(interaction).organization?.id;
  if (choice.kind !== "choose" || !choice.organizations.some(({ id }) => id === chosen)) return choice;
  return { kind: "decided", organizationId: chosen as string };
}
