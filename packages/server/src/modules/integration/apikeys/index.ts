import type { ModuleManifest } from "#operation/declaration/module.ts";
import { apiKeyAuthenticator } from "./authenticator.ts";
import { createApiKey } from "./commands/create-api-key.ts";
import { pruneApiKeys } from "./commands/prune-api-keys.ts";
import { reportLeakedApiKey } from "./commands/report-leaked-api-key.ts";
import { revokeApiKey } from "./commands/revoke-api-key.ts";
import { rotateApiKey } from "./commands/rotate-api-key.ts";
import { updateApiKey } from "./commands/update-api-key.ts";
import { revokeKeysOfRemovedOwners } from "./consumers.ts";
import { events } from "./events.ts";
import { pruneApiKeysJob, pruneApiKeysWork } from "./jobs.ts";
import { apikeys } from "./module.ts";
import { getApiKey } from "./queries/get-api-key.ts";
import { getApiKeyUsage } from "./queries/get-api-key-usage.ts";
import { listApiKeys } from "./queries/list-api-keys.ts";
import { verifyApiKey } from "./queries/verify-api-key.ts";
import { steps } from "./schema-steps.ts";

export type { ApiKeyState } from "./module.ts";
export { apikeys, createApiKey };

export const manifest: ModuleManifest = {
  module: apikeys,
  operations: [
    createApiKey,
    listApiKeys,
    getApiKey,
    updateApiKey,
    rotateApiKey,
    revokeApiKey,
    getApiKeyUsage,
    verifyApiKey,
    reportLeakedApiKey,
    pruneApiKeys,
  ],
  events,
  steps,
  authenticators: (process) => [apiKeyAuthenticator(process)],
  consumers: () => [revokeKeysOfRemovedOwners()],
  queues: [pruneApiKeysJob],
  jobs: (_platform, dispatch) => [pruneApiKeysWork(dispatch)],
};
