import type { Keys } from "#platform/keys/keys.ts";
import type { ExportRow } from "./export-store.ts";
import type { AuditLog, Checkpoint } from "./model.ts";
import { keysOf } from "./person-keys.ts";
import { personalPurpose } from "./personal-encryption.ts";
import type { RecordRow } from "./record.ts";
import type { SigningKeyRow } from "./signing.ts";
import type { AuditReads, ChainRow, PersonalRow } from "./store.ts";

/** Records as the API returns them, with the personal data that can be decrypted. */
export async function represent(store: Pick<AuditReads, "personalOf">, rows: readonly RecordRow[], keys: Keys): Promise<AuditLog[]> {
  const parts = Map.groupBy(await store.personalOf(rows.map(({ id }) => id)), ({ record_id }) => record_id);
  const decrypted = new Map<string, Keys>();
  return rows.map((row) => {
    const ofRow = parts.get(row.id) ?? [];
    const personal = ofRow.flatMap((part) => decryptedFields(part, keys, decrypted));
    return { ...toLog(row), personal: Object.assign({}, ...personal), erased: personal.length < row.personal_hashes.length };
  });
}

/** The decrypted fields of a part, as a list; empty if its key was destroyed or is another one. */
function decryptedFields(
  { record_id, key_id, ciphertext, encrypted_key }: PersonalRow,
  keys: Keys,
  decrypted: Map<string, Keys>,
): Record<string, unknown>[] {
  if (encrypted_key === null) return [];
  try {
    const own = decrypted.get(key_id) ?? keysOf({ id: key_id, encrypted_key }, keys);
    decrypted.set(key_id, own);
    return [JSON.parse(own.decrypt(ciphertext, personalPurpose(record_id))) as Record<string, unknown>];
  } catch {
    // The ciphertext was changed: the verifier reports it, and a list still returns the rest.
    return [];
  }
}

/** Details that were changed in the database may not be JSON. The verifier reports it, and a list or export still returns the rest. */
function detailsOf({ details }: RecordRow): Record<string, unknown> {
  try {
    return JSON.parse(details) as Record<string, unknown>;
  } catch {
    return { unreadable: details };
  }
}

const toLog = (row: RecordRow): Omit<AuditLog, "personal" | "erased"> => ({
  id: row.id,
  organizationId: row.organization_id,
  number: row.number,
  previousHash: row.previous_hash,
  hash: row.hash,
  transaction: row.transaction,
  occurredAt: row.occurred_at.toISOString(),
  recordedAt: row.recorded_at.toISOString(),
  source: row.source,
  operation: row.operation,
  action: row.action,
  category: row.category,
  severity: row.severity,
  result: row.result,
  reason: row.reason,
  actor: { kind: row.actor_kind, id: row.actor_id, sessionId: row.session_id },
  principal: row.principal_kind === null ? null : { kind: row.principal_kind, id: row.principal_id },
  credential: row.credential_kind === null || row.credential_id === null ? null : { kind: row.credential_kind, id: row.credential_id },
  entity: row.entity_id === null && row.entity_type === null ? null : { type: row.entity_type, id: row.entity_id },
  traceId: row.trace_id,
  requestId: row.request_id,
  standsFor: row.stands_for,
  details: detailsOf(row),
  personalHashes: [...row.personal_hashes],
});

/** A line of an export. Files of older releases have neither principal nor credential. */
export type ExportedLog = Omit<AuditLog, "personal" | "erased" | "principal" | "credential"> &
  Partial<Pick<AuditLog, "principal" | "credential">>;

/** The record that an exported line was made from, for its hash. `details` is JSON text again. */
export const recordOf = (log: ExportedLog): RecordRow => ({
  organization_id: log.organizationId,
  number: log.number,
  previous_hash: log.previousHash,
  hash: log.hash,
  id: log.id,
  transaction: log.transaction,
  occurred_at: new Date(log.occurredAt),
  recorded_at: new Date(log.recordedAt),
  source: log.source,
  operation: log.operation,
  action: log.action,
  category: log.category,
  severity: log.severity,
  result: log.result,
  reason: log.reason,
  actor_kind: log.actor.kind,
  actor_id: log.actor.id,
  session_id: log.actor.sessionId,
  principal_kind: log.principal?.kind ?? null,
  principal_id: log.principal?.id ?? null,
  credential_kind: log.credential?.kind ?? null,
  credential_id: log.credential?.id ?? null,
  entity_type: log.entity?.type ?? null,
  entity_id: log.entity?.id ?? null,
  trace_id: log.traceId,
  request_id: log.requestId,
  stands_for: log.standsFor,
  details: JSON.stringify(log.details),
  personal_hashes: log.personalHashes,
});

/** A signed head as a checkpoint, for storage elsewhere. */
export const toCheckpoint = (row: ChainRow, keys: readonly SigningKeyRow[]): Checkpoint => ({
  organizationId: row.organization_id,
  kind: "head",
  number: row.number,
  hash: row.hash,
  signedAt: row.signed_at.toISOString(),
  keyId: row.key_id,
  signature: row.signature,
  publicKey: keys.find(({ id }) => id === row.key_id)?.public_key ?? "",
});

export const toExport = (row: ExportRow) => ({
  id: row.id,
  organizationId: row.organization_id,
  format: row.format,
  status: row.status,
  total: row.total,
  written: row.written,
  parts: row.parts,
  createdAt: row.created_at.toISOString(),
  finishedAt: row.finished_at?.toISOString() ?? null,
});
