import { sql } from "kysely";
import type { TableGauge } from "#operation/declaration/module.ts";
import { firstRow } from "#platform/database/rows.ts";

/** When the internal role Administrator was last assigned to one of its holders; absent if it has none. */
export const administratorGauge: TableGauge = {
  name: "gatehouse_administrator_assigned_timestamp_seconds",
  help: "When the internal role Administrator was last given to one of its holders, as Unix time",
  async read(db) {
    const row = await firstRow(
      db,
      sql<{ at: string | null }>`
      select extract(epoch from max(a.assigned_at))::text as at from role_assignments a join roles r on r.id = a.role_id
      where r.is_system_role and r.organization_id is null and r.name = 'Administrator'
        and a.organization_id is null`,
    );
    const at = row?.at ?? null;
    return at === null ? [] : [{ value: Number(at) }];
  },
};
