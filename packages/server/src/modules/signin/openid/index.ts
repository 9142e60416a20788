import type { ModuleManifest } from "#operation/declaration/module.ts";
import { backchannelLogoutJob } from "./backchannel-logout-job.ts";
import { createClient } from "./commands/create-client.ts";
import { deleteClient } from "./commands/delete-client.ts";
import { deleteClientSecret } from "./commands/delete-client-secret.ts";
import { pruneRegisteredClients } from "./commands/prune-registered-clients.ts";
import { pruneState } from "./commands/prune-state.ts";
import { registerClient } from "./commands/register-client.ts";
import { rotateClientSecret } from "./commands/rotate-client-secret.ts";
import { sendBackchannelLogout } from "./commands/send-backchannel-logout.ts";
import { updateClient } from "./commands/update-client.ts";
import { tellClientsOfEndedSessions } from "./consumers.ts";
import { events } from "./events.ts";
import { backchannelLogoutWork, pruneRegisteredClientsJob, pruneRegisteredClientsWork, pruneStateJob, pruneStateWork } from "./jobs.ts";
import { openid } from "./module.ts";
import { statePurpose } from "./protocol/adapter.ts";
import { openidApp } from "./protocol/app.ts";
import { getClient } from "./queries/get-client.ts";
import { listClients } from "./queries/list-clients.ts";
import { steps } from "./schema-steps.ts";
import { stateSteps } from "./state-steps.ts";

export type { OpenidScope } from "./model.ts";
export type { OpenidState } from "./module.ts";
export { openid };

export const manifest: ModuleManifest = {
  module: openid,
  operations: [
    createClient,
    listClients,
    getClient,
    updateClient,
    deleteClient,
    rotateClientSecret,
    deleteClientSecret,
    registerClient,
    pruneRegisteredClients,
    pruneState,
    sendBackchannelLogout,
  ],
  events,
  steps: [...steps, ...stateSteps],
  consumers: ({ jobs }, apis) => [tellClientsOfEndedSessions(jobs, apis)],
  queues: [backchannelLogoutJob, pruneRegisteredClientsJob, pruneStateJob],
  jobs: (_platform, dispatch) => [backchannelLogoutWork(dispatch), pruneRegisteredClientsWork(dispatch), pruneStateWork(dispatch)],
  httpApps: [openidApp],
  encrypted: [{ table: "openid_state", key: ["kind", "id_hash"], column: "payload", purpose: ([kind]) => statePurpose(kind as string) }],
};
