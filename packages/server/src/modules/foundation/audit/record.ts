import { hash } from "node:crypto";

/** A record of a chain, as the database stores it. */
export interface RecordRow {
  readonly organization_id: string | null;
  /** From 1, without gaps, in each chain. */
  readonly number: number;
  readonly previous_hash: string;
  readonly hash: string;
  readonly id: string;
  /** The transaction that wrote the entry, and the events of the same command. */
  readonly transaction: string;
  readonly occurred_at: Date;
  readonly recorded_at: Date;
  /** `gatehouse`, or the application that recorded the event. */
  readonly source: string;
  readonly operation: string;
  readonly action: string;
  readonly category: string;
  readonly severity: string;
  readonly result: string;
  readonly reason: string | null;
  /** Who acted: the principal, or a delegate that acted for it. In an application's event, the user that the application names. */
  readonly actor_kind: string;
  readonly actor_id: string | null;
  readonly session_id: string | null;
  /** Whose rights the call used. Null in a record of the first format. */
  readonly principal_kind: string | null;
  readonly principal_id: string | null;
  /** The credential that authenticated the principal. Null without one, and in a record of the first format. */
  readonly credential_kind: string | null;
  readonly credential_id: string | null;
  readonly entity_type: string | null;
  readonly entity_id: string | null;
  readonly trace_id: string;
  readonly request_id: string | null;
  readonly stands_for: number;
  /** JSON, stored as text: the hash is over these bytes. */
  readonly details: string;
  /** {@link hashOfPart} of each encrypted part of its personal data. */
  readonly personal_hashes: readonly string[];
}

const sha256 = (text: string): string => hash("sha256", text, "hex");

/** The previous hash of a chain's first record. It hashes the chain's name, so that no chain can be passed off as another. */
export const beginningOf = (organizationId: string | null): string =>
  sha256(JSON.stringify(["gatehouse.audit.chain.v1", organizationId ?? "internal"]));

/**
 * Hashes a record: the previous hash and every field, as a JSON array in this order. Records of the first format have neither principal
 * nor credential. A value in one of those fields selects the second format, so none can be added to an older record unnoticed.
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

/** Hashes a part of personal data: its ciphertext and the id of its key, so that no part can be passed off as erased. */
export const hashOfPart = (keyId: string, ciphertext: string): string =>
  sha256(JSON.stringify(["gatehouse.audit.personal.v1", keyId, ciphertext]));
