import type { Authenticator } from "#operation/authenticators.ts";
import { after } from "#operation/maybe-promise.ts";
import type { ModuleProcess } from "#operation/module.ts";
import { isSessionToken } from "./model.ts";
import type { SessionCache } from "./session-cache.ts";

/** Authenticates session tokens: `ghs_` and the secret of a live session. */
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
