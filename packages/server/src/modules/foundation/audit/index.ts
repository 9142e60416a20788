import type { ModuleManifest } from "#operation/declaration/module.ts";
import { chainAppender } from "./chain-appender.ts";
import { erasePerson } from "./commands/erase-person.ts";
import { recordEvent } from "./commands/record-event.ts";
import { removeOld } from "./commands/remove-old.ts";
import { signCheckpoints } from "./commands/sign-checkpoints.ts";
import { startExport } from "./commands/start-export.ts";
import { deadEntries } from "./dead-entries.ts";
import { entryConsumer } from "./dead-entry-store.ts";
import { events } from "./events.ts";
import { partPurpose } from "./export-tenant.ts";
import { writeExportJob, writeExportWork } from "./export-writer.ts";
import { forwardConsumer, unforwarded } from "./forward.ts";
import { appendBacklog, lagGauge } from "./gauges.ts";
import { removeOldJob, removeOldWork, signCheckpointsJob, signCheckpointsWork } from "./jobs.ts";
import { appenderOfLog } from "./log-reader.ts";
import { audit } from "./module.ts";
import { personKeyPurpose } from "./person-keys.ts";
import { exportLogs } from "./queries/export-logs.ts";
import { getCheckpoint } from "./queries/get-checkpoint.ts";
import { getExport } from "./queries/get-export.ts";
import { getExportPart } from "./queries/get-export-part.ts";
import { getPublicKeys } from "./queries/get-public-keys.ts";
import { listChains } from "./queries/list-chains.ts";
import { listLogs } from "./queries/list-logs.ts";
import { verifyChain } from "./queries/verify-chain.ts";
import { verifyCheckpoints } from "./queries/verify-checkpoints.ts";
import { verifyConsistency } from "./queries/verify-consistency.ts";
import { steps, withheld } from "./schema-steps.ts";
import { Signers } from "./signers.ts";
import { signingKeyPurpose } from "./signing.ts";

export { continueAuditLog, isAuditLogSigned } from "./after-import.ts";
export type { Checkpoint } from "./model.ts";
export { recordOnStorage } from "./on-storage.ts";
export { checkpointsMax } from "./queries/verify-checkpoints.ts";
export { type FileReport, verifyFile } from "./verify-file.ts";
export type { Finding } from "./verify-records.ts";
export {
  audit,
  deadEntries,
  entryConsumer,
  erasePerson,
  forwardConsumer,
  listChains,
  unforwarded,
  verifyChain,
  verifyCheckpoints,
  verifyConsistency,
};

export const manifest: ModuleManifest = {
  module: audit,
  operations: [
    listLogs,
    exportLogs,
    recordEvent,
    startExport,
    getExport,
    getExportPart,
    getCheckpoint,
    getPublicKeys,
    erasePerson,
    signCheckpoints,
    removeOld,
    listChains,
    verifyChain,
    verifyCheckpoints,
    verifyConsistency,
  ],
  events,
  steps,
  withheld,
  background: (platform, operations) => [chainAppender(platform, new Signers(platform.keys), operations)],
  encrypted: [
    { table: "audit_signing_keys", key: ["id"], column: "encrypted_private_key", purpose: ([id]) => signingKeyPurpose(id as string) },
    { table: "audit_person_keys", key: ["id"], column: "encrypted_key", purpose: ([id]) => personKeyPurpose(id as string) },
    { table: "audit_export_parts", key: ["export_id", "part"], column: "ciphertext", purpose: ([id]) => partPurpose(id as string) },
  ],
  gauges: [lagGauge],
  backlogs: [appendBacklog],
  logReaders: [appenderOfLog],
  queues: [signCheckpointsJob, removeOldJob, writeExportJob],
  jobs: (platform, dispatch) => [signCheckpointsWork(dispatch), removeOldWork(dispatch), writeExportWork(platform)],
};
