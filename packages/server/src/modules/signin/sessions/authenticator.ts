import type { ModuleProcess } from "#operation/declaration/module.ts";
import type { Authenticator } from "#operation/kernel/authenticators.ts";
import { after } from "#operation/kernel/maybe-promise.ts";
import { isSessionToken } from "./model.ts";
import type { SessionCache } from "./session-cache.ts";

/** Authenticates session tokens: `ghs_` followed by the secret of the session. */
export const sessionAuthenticator = ({ state, uses }: ModuleProcess): Authenticator => {
  const sessions: SessionCache = state;
  return {
    accepts: isSessionToken,
    authenticate: (token) => after(sessions.find(token), (session) => session?.principal ?? null),
    start: () =>
      sessions.start((db) => {
        const { identity, tenancy } = uses(db);
        return { ...identity, ...tenancy };
      }),
    stop: () => sessions.stop(),
  };
};
