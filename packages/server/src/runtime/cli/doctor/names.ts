import { sql } from "kysely";
import { type Database, everyTenant } from "#platform/database/database.ts";
import { type Finding, warning } from "./check.ts";

/** A few names suffice; a later run shows the rest. */
const shownMax = 5;

/**
 * Names that are confusable with an older one of their scope. They were stored before such names were refused, and only a new name
 * resolves them. Covers every table with keys of names (platform/names).
 */
export async function checkNames(database: Database): Promise<readonly Finding[]> {
  return database.transact(everyTenant, async (tx) => {
    const { rows: columns } = await sql<{ table: string; holder: string }>`
      select table_name as table, column_name as holder from information_schema.columns
      where table_schema = current_schema() and column_name like '%\\_key\\_holder' order by 1, 2`.execute(tx);
    const findings: Finding[] = [];
    for (const { table, holder } of columns) {
      const { rows } = await sql<{ id: string }>`select id from ${sql.table(table)} where ${sql.ref(holder)} is not null
        order by id limit ${shownMax + 1}`.execute(tx);
      if (rows.length === 0) continue;
      const shown = rows.slice(0, shownMax).map(({ id }) => id);
      findings.push(
        warning(
          `${table}: ${shown.join(", ")}${rows.length > shownMax ? " and more" : ""} look like an older one by their ${holder.split("_")[0]}; rename them`,
        ),
      );
    }
    return findings;
  });
}
