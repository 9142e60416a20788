import { hash } from "node:crypto";

/** A record of a chain, as the database stores it. */
export interface RecordRow {
  readonly organization_id: string | null;
  /** From 1, without gaps, in each chain. */
  readonly number: number;
  readonly previous_hash: string;
  readonly hash: string;
  readonly id: string;
  /** The transaction that wrote the entry: what its events and its caller know it by. */
  readonly transaction: string;
  readonly occurred_at: Date;
  readonly recorded_at: Date;
  /** `gatehouse`, or the application that recorded an event of its own. */
  readonly source: string;
  readonly operation: string;
  readonly action: string;
  readonly category: string;
  readonly severity: string;
  readonly result: string;
  readonly reason: string | null;
  /** Who acted: the principal itself, or who acted for it; of an application's event, whom the application names. */
  readonly actor_kind: string;
  readonly actor_id: string | null;
  readonly session_id: string | null;
  /** Whose rights the call used. Null in a record of the first format. */
  readonly principal_kind: string | null;
  readonly principal_id: string | null;
  /** What proved who the principal is; null where nothing did, and in a record of the first format. */
  readonly credential_kind: string | null;
  readonly credential_id: string | null;
  readonly entity_type: string | null;
  readonly entity_id: string | null;
  readonly trace_id: string;
  readonly request_id: string | null;
  readonly stands_for: number;
  /** JSON, stored as text: the hash is over these bytes. */
  readonly details: string;
  /** {@link hashOfPart} of each part of its personal data, as it is stored: encrypted. */
  readonly personal_hashes: readonly string[];
}

const sha256 = (text: string): string => hash("sha256", text, "hex");

/** The previous hash of a chain's first record: of the chain's name, so that no chain can be passed off as another. */
export const beginningOf = (organizationId: string | null): string =>
  sha256(JSON.stringify(["gatehouse.audit.chain.v1", organizationId ?? "internal"]));

/**
 * The hash of a record: over the hash before it and every field, as a JSON array in this order. Records of the first format have neither
 * principal nor credential; any value in one of those fields makes it the second format, so that none can be added to an older record.
 */
export function hashOfRecord(row: Omit<RecordRow, "hash">): string {
  const identity = [row.principal_kind, row.principal_id, row.credential_kind, row.credential_id];
  const isFirstFormat = identity.every((value) => value === null);
  return sha256(
    JSON.stringify([
      isFirstFormat ? "gatehouse.audit.record.v1" : "gatehouse.audit.record.v2",
      row.previous_hash,
      row.organization_id,
      row.number,
      row.id,
      row.transaction,
      row.occurred_at.toISOString(),
      row.recorded_at.toISOString(),
      row.source,
      row.operation,
      row.action,
      row.category,
      row.severity,
      row.result,
      row.reason,
      row.actor_kind,
      row.actor_id,
      row.session_id,
      row.entity_type,
      row.entity_id,
      row.trace_id,
      row.request_id,
      row.stands_for,
      row.details,
      row.personal_hashes,
      ...(isFirstFormat ? [] : identity),
    ]),
  );
}

/** The hash of a part of personal data: over the ciphertext and the key that encrypted it, so that no part is passed off as erased. */
export const hashOfPart = (keyId: string, sealed: string): string => sha256(JSON.stringify(["gatehouse.audit.personal.v1", keyId, sealed]));
