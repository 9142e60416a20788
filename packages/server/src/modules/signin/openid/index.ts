import type { ModuleManifest } from "#operation/declaration/module.ts";
import { createClient } from "./commands/create-client.ts";
import { deleteClient } from "./commands/delete-client.ts";
import { deleteClientSecret } from "./commands/delete-client-secret.ts";
import { rotateClientSecret } from "./commands/rotate-client-secret.ts";
import { updateClient } from "./commands/update-client.ts";
import { events } from "./events.ts";
import { openid } from "./module.ts";
import { getClient } from "./queries/get-client.ts";
import { listClients } from "./queries/list-clients.ts";
import { steps } from "./schema-steps.ts";

export type { OpenidState } from "./module.ts";
export { openid };

export const manifest: ModuleManifest = {
  module: openid,
  operations: [createClient, listClients, getClient, updateClient, deleteClient, rotateClientSecret, deleteClientSecret],
  events,
  steps,
};
