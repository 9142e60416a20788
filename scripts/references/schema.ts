import { sql } from "kysely";
import { migrate } from "../../packages/server/src/platform/database/migrations.ts";
import { openPglite } from "../../packages/server/src/platform/database/pglite.ts";
import { schemaSteps } from "../../packages/server/src/runtime/modules.ts";
import { code, head, table } from "./page.ts";

interface Column {
  readonly table: string;
  readonly secured: boolean;
  readonly column: string;
  readonly type: string;
  readonly required: boolean;
}

/** The schema after all steps, which reveals unintended changes. */
export async function schemaPage(): Promise<string> {
  const database = await openPglite("memory");
  try {
    await migrate(database.owner, schemaSteps);
    const { rows } = await sql<Column>`
      select c.relname as table, c.relrowsecurity and c.relforcerowsecurity as secured, a.attname as column,
        format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required
      from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
        and c.relname not like 'schema_%'
      order by c.relname, a.attnum`.execute(database.owner);
    const byTable = Map.groupBy(rows, (row) => row.table);
    const tables = [...byTable].map(([name, columns]) => {
      const secured = columns[0]?.secured ? "Row-level security, forced." : "Not tenant-specific: without row-level security.";
      const lines = columns.map((column) => [code(column.column), column.type, column.required ? "required" : "optional"]);
      return `## ${name}\n\n${secured}\n\n${table(["Column", "Type", ""], lines)}`;
    });
    const steps = table(
      ["Step", "Why"],
      schemaSteps.map((step) => [code(step.name), `${step.why}${step.breaking ? " (breaking)" : ""}`]),
    );
    return `${head("Schema", "Created by the steps below, in their order. The job queue's own tables are in the schema `jobs`.")}\n${steps}\n${tables.join("\n")}`;
  } finally {
    await database.close();
  }
}
