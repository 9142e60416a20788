import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { WriteHandle } from "#platform/database/database.ts";
import { insertMany } from "#platform/database/many-rows.ts";
import type { Revision } from "#platform/log/event.ts";
import { type AuditResult, attributesOf, auditDeclarationOf } from "../declaration/audit-declaration.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import type { Principal } from "../declaration/principal.ts";
import { identityColumns } from "./audit-identity.ts";
import { splitInput, withoutSecretsDeep } from "./audit-input.ts";

/** Details that a use case adds to the audit entry of its call (decision 0025). */
export interface AuditDetails {
  /** The id of the entry, for a use case that returns it. */
  readonly id?: string;
  /** The entity, where neither the route nor the output's `id` names it. */
  readonly entity?: { readonly type: string; readonly id: string };
  /** The organization whose audit log gets the entry, where the input does not name it. */
  readonly organizationId?: string | null;
  /** The state before and after the change, without personal data. */
  readonly before?: unknown;
  readonly after?: unknown;
  /** Personal data of the entity before the change; the input has the new data. It is stored separately and can be erased. */
  readonly personalBefore?: Record<string, unknown>;
}

export interface AuditedCall {
  readonly operation: Operation;
  readonly principal: Principal;
  readonly origin: Origin;
  readonly organizationId: string | null;
  readonly input: Record<string, unknown>;
  readonly now: Date;
  readonly details: AuditDetails;
  /** The answer. Its `id` is recorded as the entity's id. */
  readonly output?: unknown;
}

/** The result of a call, and the number of calls that its entry represents. */
export interface AuditOutcome {
  readonly result: AuditResult;
  /** The error's code. */
  readonly reason: string | null;
  /** More than one where the entry summarizes many calls of the same kind. */
  readonly standsFor: number;
}

/** The reason of a batch that is not the last: further entries follow, unless the call is interrupted. */
const continues = "continues";

/** Writes the entry of a command, or of one of its batches, in its transaction. Returns the transaction's revision. */
export async function recordAudit(tx: WriteHandle, call: AuditedCall, hasMore: boolean): Promise<Revision> {
  const outcome: AuditOutcome = { result: "success", reason: hasMore ? continues : null, standsFor: 1 };
  const [inserted] = await insertEntries(tx, [rowOf(call, outcome, true)]);
  return (inserted as { revision: string }).revision;
}

/** Inserts complete entries: of calls that changed nothing, or of changes that the command line made to the storage itself. */
export async function insertAuditEntries(tx: WriteHandle, rows: readonly AuditEntryRow[]): Promise<void> {
  await insertEntries(tx, rows);
}

/** The entry of a call without a change: a refusal, a failure, or an audited read. */
export const entryRow = (call: AuditedCall, outcome: AuditOutcome): AuditEntryRow => rowOf(call, outcome, false);

const entryColumns = {
  id: "uuid",
  operation: "text",
  action: "text",
  category: "text",
  severity: "text",
  caller_kind: "text",
  user_id: "uuid",
  session_id: "uuid",
  principal_kind: "text",
  principal_id: "text",
  credential_kind: "text",
  credential_id: "text",
  actor_kind: "text",
  actor_id: "text",
  organization_id: "uuid",
  input: "json",
  personal: "json",
  before: "json",
  after: "json",
  entity_type: "text",
  entity_id: "text",
  ip_address: "text",
  user_agent: "text",
  trace_id: "text",
  request_id: "text",
  occurred_at: "timestamptz",
  result: "text",
  reason: "text",
  stands_for: "integer",
  with_change: "boolean",
} as const;

const insertEntries = (tx: WriteHandle, rows: readonly AuditEntryRow[]) =>
  insertMany(tx, "audit_entries", entryColumns, rows, sql<{ revision: string }>`returning transaction::text as revision`);

/** A row of `audit_entries`. The database assigns its sequence number. */
export type AuditEntryRow = ReturnType<typeof rowOf>;

function rowOf(call: AuditedCall, { result, reason, standsFor }: AuditOutcome, withChange: boolean) {
  const { operation, principal, origin, organizationId, input, now, details, output } = call;
  const declaration = auditDeclarationOf(operation.name, operation.audit, result);
  const { action, category, severity, entityType } = attributesOf(declaration, result);
  const entityId = details.entity?.id ?? entityIdOf(operation, input, output);
  const provenUserId = declaration.identifiesCaller && result === "success" ? entityId : null;
  const split = splitInput(operation.input, input);
  return {
    id: details.id ?? uuid(),
    operation: operation.name,
    action,
    category: category as string,
    severity: severity as string,
    ...identityColumns(principal, provenUserId),
    organization_id: details.organizationId === undefined ? organizationId : details.organizationId,
    input: JSON.stringify(split.input),
    personal: personalOf(split.personal, details.personalBefore),
    before: jsonOf(details.before),
    after: jsonOf(details.after),
    entity_type: details.entity?.type ?? (entityId === null ? null : entityType),
    entity_id: entityId,
    ip_address: origin.ip,
    user_agent: origin.userAgent,
    trace_id: origin.traceId,
    request_id: origin.requestId as string | null,
    occurred_at: now,
    result: result as string,
    reason,
    stands_for: standsFor,
    with_change: withChange,
  };
}

/** Personal data by its origin: the `input`, or the entity `before` the change. */
function personalOf(input: Record<string, unknown>, before: Record<string, unknown> | undefined): string | null {
  const personal = { ...(Object.keys(input).length === 0 ? {} : { input }), ...(before === undefined ? {} : { before }) };
  return Object.keys(personal).length === 0 ? null : JSON.stringify(personal);
}

const jsonOf = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(withoutSecretsDeep(value)));

/** The last parameter of the route, else the `id` of the output. */
function entityIdOf({ http = "" }: Operation, input: Record<string, unknown>, output: unknown): string | null {
  const parameter = [...http.matchAll(/:(\w+)/g)].at(-1)?.[1];
  const id = parameter === undefined ? (output as { id?: unknown } | null | undefined)?.id : input[parameter];
  return typeof id === "string" ? id : null;
}
