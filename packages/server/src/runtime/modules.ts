import { manifest as access } from "#modules/authorization/access/index.ts";
import { manifest as authzen } from "#modules/authorization/authzen/index.ts";
import { manifest as decisions } from "#modules/authorization/decisions/index.ts";
import { manifest as audit } from "#modules/foundation/audit/index.ts";
import { manifest as identity } from "#modules/foundation/identity/index.ts";
import { manifest as notifications } from "#modules/foundation/notifications/index.ts";
import { manifest as operations } from "#modules/insight/operations/index.ts";
import { manifest as apikeys } from "#modules/integration/apikeys/index.ts";
import { manifest as entitlements } from "#modules/organization/entitlements/index.ts";
import { manifest as serviceaccounts } from "#modules/organization/serviceaccounts/index.ts";
import { manifest as tenancy } from "#modules/organization/tenancy/index.ts";
import { manifest as authentication } from "#modules/signin/authentication/index.ts";
import { manifest as openid } from "#modules/signin/openid/index.ts";
import { manifest as sessions } from "#modules/signin/sessions/index.ts";
import { manifest as tokens } from "#modules/signin/tokens/index.ts";
import type { ModuleManifest } from "#operation/declaration/module.ts";
import { auditSteps } from "#operation/kernel/audit-steps.ts";
import { idempotencyEncrypted, idempotencySteps } from "#operation/kernel/idempotency.ts";
import { rpcSteps } from "#operation/rpc/recorded-calls.ts";
import { relayOfLog } from "#platform/broker/relay.ts";
import { brokerSteps } from "#platform/broker/schema-steps.ts";
import { createApplicationRole, type SchemaStep, tenantPolicySteps } from "#platform/database/migrations.ts";
import { deadLetterSteps } from "#platform/dead-letters.ts";
import type { Queue } from "#platform/jobs/pg-boss.ts";
import type { EncryptedField } from "#platform/keys/encrypted-field.ts";
import { keySteps } from "#platform/keys/schema-steps.ts";
import { consumersOfLog } from "#platform/log/consumers/consumer-position.ts";
import { consumerSteps } from "#platform/log/consumers/schema-steps.ts";
import { logSteps } from "#platform/log/log.ts";
import type { LogReader } from "#platform/log/retention.ts";
import { inboxSteps } from "#platform/mail/inbox.ts";
import { retentionSteps } from "#platform/retention/ceiling.ts";

/** Every module, from the ground up: each uses those before it and none after it. */
export const manifests: readonly ModuleManifest[] = [
  notifications,
  identity,
  audit,
  access,
  decisions,
  authzen,
  tenancy,
  serviceaccounts,
  entitlements,
  sessions,
  tokens,
  authentication,
  openid,
  apikeys,
  operations,
];

const applicationRole: SchemaStep = {
  name: "0000_platform_application_role",
  why: "the role that a bypassing login steps down to, so that row-level security holds for it",
  up: createApplicationRole,
};

/** The schema's steps in the order of their numbers. */
export const schemaSteps: readonly SchemaStep[] = [
  applicationRole,
  ...tenantPolicySteps,
  ...logSteps,
  ...consumerSteps,
  ...brokerSteps,
  ...deadLetterSteps,
  ...inboxSteps,
  ...retentionSteps,
  ...keySteps,
  ...auditSteps,
  ...idempotencySteps,
  ...rpcSteps,
  ...manifests.flatMap((manifest) => manifest.steps),
].sort((one, other) => (one.name < other.name ? -1 : 1));

/** Rights that the application's role does not have, by table. */
export const withheldRights: Readonly<Record<string, string>> = Object.assign({}, ...manifests.map(({ withheld }) => withheld ?? {}));

/** The kernel's own housekeeping: answers to Idempotency-Keys that nobody retries any more. */
export const pruneKeysQueue = "operation.prune-keys";

/** Messages that no broker hands over again. */
export const pruneMessagesQueue = "broker.prune-messages";

/** Events whose time in the log is over. */
export const removeOldEventsQueue = "log.remove-old-events";

/** Who reads the log by position. `relayExpected` says that events are to be published, whether or not that has begun. */
export const logReaders = (relayExpected: boolean): readonly LogReader[] => [
  consumersOfLog,
  relayOfLog(relayExpected),
  ...manifests.flatMap((manifest) => manifest.logReaders ?? []),
];

/** Queues that earlier releases had under other names. */
export const retiredQueues: readonly string[] = [
  "operation.forget-old-keys",
  "broker.forget-old-messages",
  "access.forget-old-decisions",
  "access.repair-read-model",
  "identity.start-confirmation",
  "identity.start-password-reset",
  "sessions.remove-over",
];

/** Every queue of the product. */
export const queues: readonly Queue[] = [
  removeOldEventsQueue,
  pruneKeysQueue,
  pruneMessagesQueue,
  ...manifests.flatMap((manifest) => manifest.queues ?? []),
];
export const queueNames: readonly string[] = queues.map((queue) => (typeof queue === "string" ? queue : queue.name));

/** Every place where encrypted values lie. */
export const encryptedFields: readonly EncryptedField[] = [
  ...idempotencyEncrypted,
  ...manifests.flatMap((manifest) => manifest.encrypted ?? []),
];
