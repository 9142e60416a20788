import type { ModuleManifest } from "#operation/declaration/module.ts";
import { billingGuard } from "./billing/client.ts";
import { followBillingEvents } from "./billing/consumer.ts";
import { deleteConfirmedWork, deletionsJob } from "./billing/delete-confirmed.ts";
import { fetchEntitlements, fetchEntitlementsJob } from "./billing/fetch-entitlements.ts";
import { billingConsumer } from "./billing/name.ts";
import { reconcileJob, reconcileWork } from "./billing/reconcile.ts";
import { followBilling } from "./commands/follow-billing.ts";
import { requestDeletion } from "./commands/request-deletion.ts";
import { setEntitlements } from "./commands/set-entitlements.ts";
import { withdrawDeletion } from "./commands/withdraw-deletion.ts";
import { events } from "./events.ts";
import { deletionGauge } from "./gauges.ts";
import { entitlements } from "./module.ts";
import { getEntitlements } from "./queries/get-entitlements.ts";
import { listDueDeletions } from "./queries/list-due-deletions.ts";
import { listSubscriptions } from "./queries/list-subscriptions.ts";
import { steps } from "./schema-steps.ts";

export { billingConsumer, entitlements };

export const manifest: ModuleManifest = {
  module: entitlements,
  operations: [getEntitlements, setEntitlements, followBilling, listSubscriptions, requestDeletion, withdrawDeletion, listDueDeletions],
  events,
  steps,
  gauges: [deletionGauge],
  queues: [reconcileJob, fetchEntitlementsJob, deletionsJob],
  jobs: (platform, dispatch) => {
    if (platform.settings.billing) billingGuard(platform.resilience);
    return [reconcileWork(platform, dispatch), fetchEntitlements(platform, dispatch), deleteConfirmedWork(platform, dispatch)];
  },
  brokerConsumers: (platform, dispatch) => [followBillingEvents(platform, dispatch)],
};
