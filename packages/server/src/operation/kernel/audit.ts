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

/** What a use case adds to the audit record of its call, beside what the kernel sees (decision 0025). */
export interface AuditDetails {
  /** The entry's id, where the answer has it. */
  readonly id?: string;
  /** What was acted on, where neither the route nor the output's `id` says it. */
  readonly entity?: { readonly type: string; readonly id: string };
  /** The organization whose audit log has the record, where the input does not name it. */
  readonly organizationId?: string | null;
  /** The state before and after the change, without personal data. */
  readonly before?: unknown;
  readonly after?: unknown;
  /** Personal data of the entity before the change; the input has what it is now. It is stored apart and can be erased. */
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
  /** The answer. Its `id` is recorded as the entity's. */
  readonly output?: unknown;
}

/** How a call ended, and how many calls its entry stands for. */
export interface AuditOutcome {
  readonly result: AuditResult;
  /** The error's code. */
  readonly reason: string | null;
  /** More than one in a flood of calls of the same kind. */
  readonly standsFor: number;
}

/** The reason of a success that is a part of the call's work: another entry follows with the rest, unless the call was interrupted. */
const continues = "continues";

/** Writes the entry of a command, or of a part of one, inside its transaction and returns the transaction's revision. */
export async function recordAudit(tx: WriteHandle, call: AuditedCall, hasMore: boolean): Promise<Revision> {
  const outcome: AuditOutcome = { result: "success", reason: hasMore ? continues : null, standsFor: 1 };
  const [inserted] = await insertEntries(tx, [rowOf(call, outcome, true)]);
  return (inserted as { revision: string }).revision;
}

/** Inserts entries that are complete: of calls that changed nothing, or of what the command line did to the storage itself. */
export async function insertAuditEntries(tx: WriteHandle, rows: readonly AuditEntryRow[]): Promise<void> {
  await insertEntries(tx, rows);
}

/** The entry of a call that was not written with a change: a refusal, a failure, or an audited read. */
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

/** A row of `audit_entries`; the database numbers it. */
export type AuditEntryRow = ReturnType<typeof rowOf>;

function rowOf(call: AuditedCall, { result, reason, standsFor }: AuditOutcome, withChange: boolean) {
  const { operation, principal, origin, organizationId, input, now, details, output } = call;
  const declaration = auditDeclarationOf(operation.name, operation.audit, result);
  const { action, category, severity, entityType } = attributesOf(declaration, result);
  const entityId = details.entity?.id ?? actedOn(operation, input, output);
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

/** Under the name of where it stood: `input`, or `before` the change. */
function personalOf(input: Record<string, unknown>, before: Record<string, unknown> | undefined): string | null {
  const parts = { ...(Object.keys(input).length === 0 ? {} : { input }), ...(before === undefined ? {} : { before }) };
  return Object.keys(parts).length === 0 ? null : JSON.stringify(parts);
}

const jsonOf = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(withoutSecretsDeep(value)));

/** The last parameter of the route, else the `id` of the output. */
function actedOn({ http = "" }: Operation, input: Record<string, unknown>, output: unknown): string | null {
  const parameter = [...http.matchAll(/:(\w+)/g)].at(-1)?.[1];
  const id = parameter === undefined ? (output as { id?: unknown } | null | undefined)?.id : input[parameter];
  return typeof id === "string" ? id : null;
}
