import type { ModuleManifest } from "#operation/declaration/module.ts";
import { accessTokenAuthenticator } from "./authenticator.ts";
import { endExchangedToken } from "./commands/end-exchanged-token.ts";
import { ensureSigningKeys } from "./commands/ensure-signing-keys.ts";
import { exchangeToken } from "./commands/exchange-token.ts";
import { impersonateUser } from "./commands/impersonate-user.ts";
import { issueTokens } from "./commands/issue-tokens.ts";
import { pruneTokens } from "./commands/prune-tokens.ts";
import { refreshSession, refreshTokens } from "./commands/refresh-tokens.ts";
import { revokeTokens } from "./commands/revoke-tokens.ts";
import { rotateOldSigningKeys } from "./commands/rotate-old-signing-keys.ts";
import { rotateSigningKeys } from "./commands/rotate-signing-keys.ts";
import { publishRevocations } from "./consumers.ts";
import { events } from "./events.ts";
import { pruneTokensJob, pruneTokensWork, rotateOldSigningKeysJob, rotateOldSigningKeysWork } from "./jobs.ts";
import { tokens } from "./module.ts";
import { getKeySet } from "./queries/get-key-set.ts";
import { listExchangedTokens } from "./queries/list-exchanged-tokens.ts";
import { listSigningKeys } from "./queries/list-signing-keys.ts";
import { refreshChainPurpose } from "./refresh-token.ts";
import { steps } from "./schema-steps.ts";
import { signingKeyPurpose } from "./signing-keys.ts";

export { type AccessTokenClaims, accessTokenType } from "./claims.ts";
export { TokenRevoked } from "./events.ts";
export { type AccessTokenSubject, type IssuedAccessToken, issueAccessToken } from "./issue.ts";
export { type KeySet, KeySetCache } from "./key-set.ts";
export type { LiveTokens } from "./live-tokens.ts";
export { type Algorithm, TokenPair } from "./model.ts";
export type { TokenState } from "./module.ts";
export type { Issuing } from "./prepare-issue.ts";
export { rotateSigningKeys, tokens };

export const manifest: ModuleManifest = {
  module: tokens,
  operations: [
    getKeySet,
    issueTokens,
    refreshTokens,
    refreshSession,
    revokeTokens,
    exchangeToken,
    impersonateUser,
    listExchangedTokens,
    endExchangedToken,
    listSigningKeys,
    rotateSigningKeys,
    rotateOldSigningKeys,
    ensureSigningKeys,
    pruneTokens,
  ],
  events,
  steps,
  atStart: [ensureSigningKeys],
  encrypted: [
    { table: "signing_keys", key: ["id"], column: "encrypted_private_key", purpose: ([id]) => signingKeyPurpose(id as string) },
    { table: "refresh_chains", key: ["id"], column: "encrypted_secret", purpose: ([id]) => refreshChainPurpose(id as string) },
  ],
  authenticators: (process) => [accessTokenAuthenticator(process)],
  consumers: (platform) => [publishRevocations(platform)],
  queues: [pruneTokensJob, rotateOldSigningKeysJob],
  jobs: (_platform, dispatch) => [pruneTokensWork(dispatch), rotateOldSigningKeysWork(dispatch)],
};
