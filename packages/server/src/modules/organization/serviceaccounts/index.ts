import type { ModuleManifest } from "#operation/declaration/module.ts";
import { createServiceAccount } from "./commands/create-service-account.ts";
import { deleteServiceAccount } from "./commands/delete-service-account.ts";
import { updateServiceAccount } from "./commands/update-service-account.ts";
import { events } from "./events.ts";
import { serviceaccounts } from "./module.ts";
import { getServiceAccount } from "./queries/get-service-account.ts";
import { listServiceAccounts } from "./queries/list-service-accounts.ts";
import { steps } from "./schema-steps.ts";

export { ServiceAccountNameTaken, ServiceAccountNotFound } from "./errors.ts";
export { ServiceAccountCreated, ServiceAccountDeleted, ServiceAccountUpdated } from "./events.ts";
export type { NewServiceAccount, ServiceAccountSummary } from "./model.ts";
export { serviceaccounts };

export const manifest: ModuleManifest = {
  module: serviceaccounts,
  operations: [createServiceAccount, listServiceAccounts, getServiceAccount, updateServiceAccount, deleteServiceAccount],
  events,
  steps,
};
