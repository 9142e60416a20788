import { interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";
import { requestState } from "./request-state.ts";

const { Check, Prompt, base } = interactionPolicy;

/**
 * What a user is asked for, in this order: to sign in, to choose an organization, to consent. The library's own checks, and these: the browser
 * has a live session of this product, the provider's session is bound to it, and it is for the client's organization.
 */
export function policy(): interactionPolicy.DefaultPolicy {
  const prompts = base();
  prompts.get("login")?.checks.add(new Check("session", "End-User authentication is required", "login_required", hasNoSession));
  prompts
    .get("login")
    ?.checks.add(new Check("organization_session", "the session is for another organization", "login_required", isForeignSession));
  const organization = new Prompt(
    { name: "organization", requestable: false },
    new Check("no_organization", "the End-User has to choose an organization", "account_selection_required", hasToChoose),
  );
  prompts.add(organization, 1);
  return prompts;
}

function hasNoSession(ctx: KoaContextWithOIDC): boolean {
  const { login, browserSessionId } = requestState();
  const { session, result } = ctx.oidc;
  if (login === null || session?.accountId !== login.userId) return true;
  // A sign-in that has just been completed binds the provider's session when it is saved.
  return result?.login === undefined && browserSessionId !== login.sessionId;
}

const isForeignSession = (): boolean => requestState().organizationChoice?.kind === "refused";

const hasToChoose = (): boolean => requestState().organizationChoice?.kind === "choose";
