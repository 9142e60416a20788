import { sql } from "kysely";
import type { TableGauge } from "#operation/declaration/module.ts";
import { rowsOf } from "#platform/database/rows.ts";

/** When the internal role Administrator was last given to a user who still has it; absent where it has no holder. */
export const administratorGauge: TableGauge = {
  name: "gatehouse_administrator_assigned_timestamp_seconds",
  help: "When the internal role Administrator was last given to one of its holders, as Unix time",
  async read(db) {
    const rows = await rowsOf(
      db,
      sql<{ at: string | null }>`
      select extract(epoch from max(a.assigned_at))::text as at from role_assignments a join roles r on r.id = a.role_id
      where r.is_system_role and r.organization_id is null and r.name = 'Administrator'
        and a.organization_id is null`,
    );
    const at = rows[0]?.at ?? null;
    return at === null ? [] : [{ value: Number(at) }];
  },
};
