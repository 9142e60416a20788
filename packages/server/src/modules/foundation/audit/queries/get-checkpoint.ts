import { Type, Uuid } from "#operation/declaration/schema.ts";
import { chainsOf, readers, tenantOfLog } from "../chain-access.ts";
import { LogNotFound } from "../errors.ts";
import { Checkpoint } from "../model.ts";
import { audit } from "../module.ts";
import { toCheckpoint } from "../represent.ts";

/**
 * The signed head of a chain, for the caller to store: with it an organization can prove later that its records were not changed.
 * Without an organization it is the head of the internal chain.
 */
export const getCheckpoint = audit.query("getCheckpoint", {
  http: "GET /api/v1/audit/checkpoint",
  summary: "The signed head of an audit chain, to be stored elsewhere.",
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
