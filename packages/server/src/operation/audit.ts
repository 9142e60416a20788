import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { WriteHandle } from "#platform/database/database.ts";
import { insertMany } from "#platform/database/many-rows.ts";
import { type SchemaStep, tenantTable } from "#platform/database/migrations.ts";
import type { Revision } from "#platform/log/event.ts";
import { splitInput, withoutSecretsDeep } from "./audit-input.ts";
import type { Operation } from "./operation.ts";
import type { Origin } from "./origin.ts";
import type { Principal } from "./principal.ts";

export const auditSteps: readonly SchemaStep[] = [
  {
    name: "0004_operation_audit_entries",
    why: "who did what, from where, written with the change itself (S3 §18.3)",
    async up(db) {
      await sql`create table audit_entries (
        id uuid primary key,
        operation text not null,
        caller_kind text not null,
        user_id uuid,
        session_id uuid,
        organization_id uuid,
        input jsonb not null,
        ip_address text,
        user_agent text,
        trace_id text not null,
        transaction xid8 not null default pg_current_xact_id(),
        occurred_at timestamptz not null
      )`.execute(db);
      await sql`create index audit_entries_of_an_organization on audit_entries (organization_id, id)`.execute(db);
      await sql`create index audit_entries_of_a_user on audit_entries (user_id, id)`.execute(db);
      await tenantTable(db, "audit_entries", { tenant: "organization_id", owner: "user_id" });
    },
  },
  {
    name: "0075_operation_audit_entries_say_more",
    why: "what was acted on, before and after, how it ended, and personal data apart, for the chains (decision 0025)",
    async up(db) {
      await sql`alter table audit_entries
        add column sequence bigint generated always as identity,
        add column result text not null default 'success' check (result in ('success', 'refused', 'failed')),
        add column reason text,
        add column entity_type text,
        add column entity_id text,
        add column before jsonb,
        add column after jsonb,
        add column personal jsonb,
        add column request_id text,
        add column stands_for integer not null default 1,
        add column with_change boolean not null default true`.execute(db);
      await sql`create index audit_entries_in_commit_order on audit_entries (transaction, sequence)`.execute(db);
    },
  },
  {
    name: "0144_operation_audit_entries_by_age",
    why: "sealed entries are removed by their age, every hour",
    async up(db) {
      await sql`create index audit_entries_by_age on audit_entries (occurred_at)`.execute(db);
    },
  },
];

/** What a use case says of itself for the trail, beside what the kernel sees (decision 0025). */
export interface AuditNote {
  /** The entry's id, where the caller is told it. */
  readonly id?: string;
  /** What was acted on, where neither the address nor the answer's `id` says it. */
  readonly entity?: { readonly type: string; readonly id: string };
  /** The organization whose trail it belongs to, where the input does not name it. */
  readonly organizationId?: string | null;
  /** What there was and what there is now, without personal data. */
  readonly before?: unknown;
  readonly after?: unknown;
  /** What there was of a person whom the call acts on; what there is now is in the input. It is kept apart and can be erased. */
  readonly personalBefore?: Record<string, unknown>;
}

export interface AuditedCall {
  readonly operation: Operation;
  readonly principal: Principal;
  readonly origin: Origin;
  readonly organizationId: string | null;
  readonly input: Record<string, unknown>;
  readonly now: Date;
  readonly note: AuditNote;
  /** The answer, of which an `id` is kept as what was acted on. */
  readonly output?: unknown;
}

export type AuditResult = "success" | "refused" | "failed";

/** How a call ended that was not written with a change: a refusal, or a query whose reading is noted. */
export interface AuditEnding {
  readonly result: AuditResult;
  /** The error's code. */
  readonly reason: string | null;
  /** How many of its kind the entry stands for: more than one in a flood. */
  readonly standsFor: number;
}

/** Why an entry of a success stands for a part of the call's work: another entry follows with the rest, unless the call was interrupted. */
const continues = "continues";

/** Writes the entry of a command, or of a part of one, inside its transaction and returns the transaction's revision. */
export async function recordAudit(tx: WriteHandle, call: AuditedCall, hasMore: boolean): Promise<Revision> {
  const row = { ...rowOf(call), result: "success", reason: hasMore ? continues : null, stands_for: 1, with_change: true };
  const [inserted] = await insertEntries(tx, [row]);
  return (inserted as { revision: string }).revision;
}

/** Writes entries of calls that changed nothing, in a transaction of their own. */
export async function recordNotes(tx: WriteHandle, rows: readonly NotedRow[]): Promise<void> {
  await insertEntries(tx, rows);
}

const entryColumns = {
  id: "uuid",
  operation: "text",
  caller_kind: "text",
  user_id: "uuid",
  session_id: "uuid",
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

const insertEntries = (tx: WriteHandle, rows: readonly EntryRow[]) =>
  insertMany(tx, "audit_entries", entryColumns, rows, sql<{ revision: string }>`returning transaction::text as revision`);

type CallRow = ReturnType<typeof rowOf>;
interface EntryRow extends CallRow {
  readonly result: string;
  readonly reason: string | null;
  readonly stands_for: number;
  readonly with_change: boolean;
}
export type NotedRow = EntryRow;

export const notedRow = (call: AuditedCall, ending: AuditEnding): NotedRow => ({
  ...rowOf(call),
  result: ending.result,
  reason: ending.reason,
  stands_for: ending.standsFor,
  with_change: false,
});

function rowOf({ operation, principal, origin, organizationId, input, now, note, output }: AuditedCall) {
  const user = principal.kind === "user" ? principal : undefined;
  const split = splitInput(operation.input, input);
  return {
    id: note.id ?? uuid(),
    operation: operation.name,
    caller_kind: principal.kind,
    user_id: user?.id ?? null,
    session_id: user?.credential.kind === "session" ? user.credential.id : null,
    organization_id: note.organizationId === undefined ? organizationId : note.organizationId,
    input: JSON.stringify(split.input),
    personal: personalOf(split.personal, note.personalBefore),
    before: jsonOf(note.before),
    after: jsonOf(note.after),
    entity_type: note.entity?.type ?? null,
    entity_id: note.entity?.id ?? actedOn(operation, input, output),
    ip_address: origin.ip,
    user_agent: origin.userAgent,
    trace_id: origin.traceId,
    request_id: origin.requestId,
    occurred_at: now,
  };
}

/** Under the name of where it stood: `input`, or `before` the change. */
function personalOf(input: Record<string, unknown>, before: Record<string, unknown> | undefined): string | null {
  const parts = { ...(Object.keys(input).length === 0 ? {} : { input }), ...(before === undefined ? {} : { before }) };
  return Object.keys(parts).length === 0 ? null : JSON.stringify(parts);
}

const jsonOf = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(withoutSecretsDeep(value)));

/** The last parameter of the address, else the `id` of what was answered. */
function actedOn({ http = "" }: Operation, input: Record<string, unknown>, output: unknown): string | null {
  const parameter = [...http.matchAll(/:(\w+)/g)].at(-1)?.[1];
  const id = parameter === undefined ? (output as { id?: unknown } | null | undefined)?.id : input[parameter];
  return typeof id === "string" ? id : null;
}
