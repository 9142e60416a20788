import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import type { WriteHandle } from "../platform/database/database.ts";
import { type SchemaStep, tenantTable } from "../platform/database/migrations.ts";
import type { Revision } from "../platform/log/event.ts";
import type { Caller, Origin } from "./caller.ts";
import type { Operation } from "./operation.ts";
import { secretMark, type TObject } from "./schema.ts";

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
];

export interface AuditedCall {
  readonly operation: Operation;
  readonly caller: Caller;
  readonly origin: Origin;
  readonly organizationId: string | null;
  readonly input: Record<string, unknown>;
  readonly now: Date;
}

/** Writes the entry of a command inside its transaction and returns the transaction's revision. */
export async function recordAudit(tx: WriteHandle, call: AuditedCall): Promise<Revision> {
  const user = call.caller.kind === "user" ? call.caller : undefined;
  const { rows } = await sql<{ revision: string }>`
    insert into audit_entries (id, operation, caller_kind, user_id, session_id, organization_id, input, ip_address, user_agent, trace_id, occurred_at)
    values (${uuid()}, ${call.operation.name}, ${call.caller.kind}, ${user?.userId ?? null}, ${user?.sessionId ?? null}, ${call.organizationId},
      ${JSON.stringify(withoutSecrets(call.operation.input, call.input))}, ${call.origin.ip}, ${call.origin.userAgent}, ${call.origin.traceId}, ${call.now})
    returning transaction::text as revision`.execute(tx);
  return (rows[0] as { revision: string }).revision;
}

/** The input without the fields that its schema marks as secret. */
export function withoutSecrets(schema: TObject, input: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => {
      const property = schema.properties[name] as Record<string, unknown> | undefined;
      return [name, property?.[secretMark] === true ? "[secret]" : value];
    }),
  );
}
