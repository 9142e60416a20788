import type { access } from "#modules/authorization/access/index.ts";
import type { ModuleManifest, ReadApisOf } from "#operation/declaration/module.ts";
import { pruneDecisions } from "./commands/prune-decisions.ts";
import { renewSnapshot } from "./commands/renew-snapshot.ts";
import { repairProjection } from "./commands/repair-projection.ts";
import { startCacheCheck } from "./commands/start-cache-check.ts";
import { events } from "./events.ts";
import { pruneDecisionsWork, repairWork } from "./jobs.ts";
import { decisions } from "./module.ts";
import { projector } from "./projection/projector.ts";
import { snapshotReconciler } from "./projection/snapshot-reconciler.ts";
import { check } from "./queries/check.ts";
import { checkBatch } from "./queries/check-batch.ts";
import { explain } from "./queries/explain.ts";
import { filter } from "./queries/filter.ts";
import { getMyPermissions } from "./queries/get-my-permissions.ts";
import { listActions } from "./queries/list-actions.ts";
import { listCacheReports } from "./queries/list-cache-reports.ts";
import { listEntryKeys } from "./queries/list-entry-keys.ts";
import { listResources } from "./queries/list-resources.ts";
import { listSubjects } from "./queries/list-subjects.ts";
import { preview } from "./queries/preview.ts";
import { verifyProjection } from "./queries/verify-projection.ts";
import { pruneDecisionsJob, repairJob } from "./queues.ts";
import { steps } from "./schema-steps.ts";
import { decisionsStore } from "./store.ts";

export { authorizerOf } from "./authorizer.ts";
export { type CheckRequest, decideFor, decisionReasons, type ExpectedSubject, sentenceOf } from "./check.ts";
export { withoutSystemRoles } from "./direct-access.ts";
export { evaluate, type QueryContext, queryContext } from "./evaluate.ts";
export { mayQuery, queryPermissionMissing } from "./may-query.ts";
export type { FoundRelationships, LaggingEntries, PolicySource, RelationshipLookup, SourceEntry } from "./policy-source.ts";
export { entryDeadLetters } from "./projection/entry-dead-letters.ts";
export { entriesConsumer } from "./projection/names.ts";
export type { Decided, DecisionReader } from "./projection/reader.ts";
export { readerOf } from "./projection/reader-of.ts";
export { orTooMany, reachableResources, tooMany } from "./reachable-resources.ts";
export { batchesOf, decidedAmong, scanPage } from "./scan-page.ts";
export { type DecidedItems, decideEach, isOfResource, type UndecidedItem, UndecidedOfPage } from "./undecided.ts";
export { decisions, listCacheReports, listEntryKeys, renewSnapshot, repairProjection, startCacheCheck, verifyProjection };

export const manifest: ModuleManifest = {
  module: decisions,
  operations: [
    check,
    checkBatch,
    explain,
    filter,
    listResources,
    listSubjects,
    listActions,
    preview,
    getMyPermissions,
    repairProjection,
    listEntryKeys,
    verifyProjection,
    renewSnapshot,
    startCacheCheck,
    listCacheReports,
    pruneDecisions,
  ],
  events,
  steps,
  consumers: (platform, apis) => [
    projector(platform, (tx, keys, options) => {
      const { access: source } = apis(tx) as ReadApisOf<{ access: typeof access }>;
      return decisionsStore.writes(tx).project(keys, source.computeEntries, options);
    }),
  ],
  background: (platform) => [snapshotReconciler(platform)],
  queues: [repairJob, pruneDecisionsJob],
  jobs: (_platform, dispatch) => [repairWork(dispatch), pruneDecisionsWork(dispatch)],
};
