import { auditCategories, auditSeverities } from "#operation/declaration/audit-declaration.ts";
import { nullable, oneOf, type Static, TimeRangeEnd, TimeRangeStart, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

export const Category = oneOf(...auditCategories);
export const Severity = oneOf(...auditSeverities);
export const Result = oneOf("success", "refused", "failed");

/** An id or name of another system, without control characters and byte order marks, which storage may drop. */
export const Label = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: "^[^\\u0000-\\u001f\\u007f\\ufeff]+$" });

/** A record of the audit log. */
export const AuditLog = Type.Object({
  id: Uuid,
  organizationId: nullable(Uuid),
  number: Type.Integer(),
  previousHash: Type.String(),
  hash: Type.String(),
  transaction: Type.String(),
  occurredAt: Timestamp,
  recordedAt: Timestamp,
  source: Type.String(),
  operation: Type.String(),
  action: Type.String(),
  category: Type.String(),
  severity: Type.String(),
  result: Type.String(),
  reason: nullable(Type.String()),
  /** Who acted: the principal, or a delegate that acted for it. In an application's event, the user that the application names. */
  actor: Type.Object({ kind: Type.String(), id: nullable(Type.String()), sessionId: nullable(Uuid) }),
  /** Whose rights the call used; in an application's event, who recorded it. Null in a record of the first format. */
  principal: nullable(Type.Object({ kind: Type.String(), id: nullable(Type.String()) })),
  /** The credential that authenticated the principal, such as a session. Null without one, and in a record of the first format. */
  credential: nullable(Type.Object({ kind: Type.String(), id: Type.String() })),
  entity: nullable(Type.Object({ type: nullable(Type.String()), id: nullable(Type.String()) })),
  traceId: Type.String(),
  requestId: nullable(Type.String()),
  /** How many equal calls the record counts: more than one in a flood, of which only one is stored. */
  standsFor: Type.Integer(),
  details: Type.Record(Type.String(), Type.Unknown()),
  /** Origin and personal data, decrypted. Data of an erased person is left out. */
  personal: Type.Record(Type.String(), Type.Unknown()),
  /** Hashes of the encrypted personal data, which the record's hash covers. */
  personalHashes: Type.Array(Type.String()),
  /** Whether some of its personal data was erased. */
  erased: Type.Boolean(),
});
export type AuditLog = Static<typeof AuditLog>;

/** The filters of lists and exports. */
export const SearchFields = {
  organizationId: Type.Optional(Uuid),
  actorId: Type.Optional(Label(255)),
  principalId: Type.Optional(Label(255)),
  credentialId: Type.Optional(Label(255)),
  /** A part of the action's name, in any case. */
  action: Type.Optional(Label(100)),
  category: Type.Optional(Category),
  severity: Type.Optional(Severity),
  result: Type.Optional(Result),
  entityType: Type.Optional(Label(100)),
  entityId: Type.Optional(Label(255)),
  traceId: Type.Optional(Label(64)),
  from: Type.Optional(TimeRangeStart),
  to: Type.Optional(TimeRangeEnd),
};
const SearchInput = Type.Object(SearchFields);
export type SearchInput = Static<typeof SearchInput>;

export const ExportFormat = oneOf("jsonl", "csv");

export const Export = Type.Object({
  id: Uuid,
  organizationId: nullable(Uuid),
  format: ExportFormat,
  status: oneOf("Waiting", "Running", "Ready"),
  total: Type.Integer(),
  written: Type.Integer(),
  /** Parts that can be downloaded; concatenated in their order they are the file. */
  parts: Type.Integer(),
  createdAt: Timestamp,
  finishedAt: nullable(Timestamp),
});

/** A file in a response. */
export const Document = Type.Object({
  mediaType: oneOf("application/x-ndjson", "text/csv"),
  fileName: Type.String(),
  text: Type.String(),
});

/** A signed statement about a chain, with everything needed to verify it offline. */
export const Checkpoint = Type.Object({
  organizationId: nullable(Uuid),
  kind: oneOf("head", "checkpoint"),
  number: Type.Integer(),
  hash: Type.String(),
  signedAt: Timestamp,
  keyId: Uuid,
  signature: Type.String(),
  publicKey: Type.String(),
});
export type Checkpoint = Static<typeof Checkpoint>;
