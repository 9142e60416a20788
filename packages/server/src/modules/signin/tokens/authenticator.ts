import type { ModuleProcess } from "#operation/declaration/module.ts";
import type { Authenticator } from "#operation/kernel/authenticators.ts";
import { after } from "#operation/kernel/maybe-promise.ts";
import type { TokenState } from "./module.ts";

/** A JWT begins with an encoded `{"`, and has two dots (RFC 7519 §3.1). */
const isJwt = (token: string): boolean => token.startsWith("eyJ") && token.split(".", 4).length === 3;

/** Authenticates access tokens. */
export const accessTokenAuthenticator = ({ state, uses }: ModuleProcess): Authenticator => {
  const { live }: TokenState = state;
  return {
    accepts: isJwt,
    authenticate: (token) => after(live.find(token), (found) => found?.principal ?? null),
    start: () => live.start(uses),
  };
};
