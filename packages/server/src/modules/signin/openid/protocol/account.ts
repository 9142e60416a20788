import type { Account, KoaContextWithOIDC } from "oidc-provider";
import { userClaims } from "./claims.ts";
import { type ProtocolDependencies, reading } from "./dependencies.ts";
import { type RequestState, requestState } from "./request-state.ts";

/**
 * The account of a user; undefined where they get no tokens, because the session of the request has ended. Its claims are read for a token or an
 * answer, by the scopes that were granted.
 */
export const findAccount =
  (dependencies: ProtocolDependencies) =>
  async (_ctx: KoaContextWithOIDC, userId: string): Promise<Account | undefined> => {
    const state = requestState();
    const sessionId = state.sessionId ?? state.login?.sessionId;
    const account = sessionId === undefined ? null : await dependencies.accounts.find(sessionId);
    if (account === null || account.user.id !== userId) return undefined;
    state.session = account.session;
    return {
      accountId: userId,
      async claims(_use, scope) {
        const scopes = new Set(scope.split(" "));
        return {
          ...userClaims(account.user),
          ...(scopes.has("organization") && { organization: await organizationClaim(dependencies, state) }),
          ...(scopes.has("roles") && { roles: await roleNames(dependencies, userId, state) }),
        };
      },
    };
  };

/** The organization that the tokens are for; null where they are for none. */
async function organizationClaim(dependencies: ProtocolDependencies, { organizationId }: RequestState) {
  if (organizationId === null) return null;
  const name = await reading(dependencies, ({ tenancy }) => tenancy.organizationName(organizationId));
  return name === undefined ? null : { id: organizationId, name };
}

/** The names of the user's roles in the organization of the tokens. They are for display: a decision asks for permissions. */
const roleNames = async (
  dependencies: ProtocolDependencies,
  userId: string,
  { organizationId }: RequestState,
): Promise<readonly string[]> => [...(await reading(dependencies, ({ tokens }) => tokens.roleNames(userId, organizationId)))].sort();
