import { Type, Uuid } from "#operation/schema.ts";
import { LogNotFound } from "../errors.ts";
import { Checkpoint } from "../model.ts";
import { audit } from "../module.ts";
import { toCheckpoint } from "../represent.ts";
import { chainsOf, readers, tenantOfLog } from "../who-reads.ts";

/**
 * The signed head of a chain, to be kept by whoever reads it: an organization needs nobody's word that its records are as they were.
 * Of no organization it is the internal chain's.
 */
export const getCheckpoint = audit.query("getCheckpoint", {
  http: "GET /api/v1/audit/checkpoint",
  summary: "The signed head of an audit chain, to be kept elsewhere.",
  allow: readers("Organization.ReadAuditLog", "AuditLog.Read"),
  absent: LogNotFound,
  everyTenant: "an internal auditor sees every chain; an organization's own is found by its id",
  input: Type.Object({ organizationId: Type.Optional(Uuid) }),
  output: Checkpoint,
  errors: [LogNotFound],
  tenant: tenantOfLog,
  async run(context, input) {
    const { store, fail } = context;
    const row = (await store.chain(chainsOf(context, input) ?? null)) ?? fail(LogNotFound);
    return toCheckpoint(row, await store.signingKeys());
  },
});
