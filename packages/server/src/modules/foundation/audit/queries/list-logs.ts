import { invalid } from "#operation/declaration/errors.ts";
import { nullable, Paging, Type } from "#operation/declaration/schema.ts";
import { chainsOf, readers, tenantOfLog } from "../chain-access.ts";
import { LogNotFound } from "../errors.ts";
import { AuditLog, SearchFields } from "../model.ts";
import { audit } from "../module.ts";
import { represent } from "../represent.ts";

/** Lists audit records, newest first: those of an organization, or for an internal auditor those of every chain. */
export const listLogs = audit.query("listLogs", {
  http: "GET /api/v1/audit/logs",
  summary: "List audit logs, newest first.",
  allow: readers("Organization.ReadAuditLog", "AuditLog.Read"),
  audit: { action: "AuditLog.Read", category: "DataAccess", severity: "Info", reading: "the audit log says who did what, and from where" },
  absent: LogNotFound,
  everyTenant: "an internal auditor reads every chain; an organization's own is read under its own scope",
  input: Type.Object({ ...SearchFields, ...Paging }),
  output: Type.Object({ items: Type.Array(AuditLog), nextCursor: nullable(Type.String()) }),
  tenant: tenantOfLog,
  async run(context, { limit, cursor, ...search }) {
    const { store, page, services } = context;
    const organizationId = chainsOf(context, search);
    if (organizationId !== undefined) await store.within(organizationId);
    const { fetch, after, cut } = page({ ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) });
    const chain = organizationId ?? "every";
    // A cursor is valid for the list of one chain, or for that of every chain.
    if (after !== undefined && after[1] !== chain)
      throw invalid({ field: "cursor", rule: "cursor", message: "is not a cursor of this list" });
    const found = await store.page({ ...search, organizationId }, after?.[0], fetch);
    const { rows, nextCursor } = cut(found, ({ position }) => [position, chain]);
    return { items: await represent(store, rows, services.keys), nextCursor };
  },
});
