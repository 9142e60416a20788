import type pg from "pg";
import type { Recorded } from "./recorded-statements.ts";

/** The fields of a node of EXPLAIN (FORMAT JSON) that are read here. */
interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Plan Rows": number;
  readonly "Actual Rows"?: number;
  readonly "Actual Loops"?: number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly Plans?: readonly Node[];
}

/** What a statement read of a table. */
export interface Read {
  readonly table: string;
  readonly by: string;
  readonly rows: number;
}

/**
 * The rows that a statement reads of each table, by its plan under the role and the settings that it was sent with. Measured in a
 * transaction that is rolled back, or estimated by the planner if the statement cannot run twice.
 */
export async function readsOf(client: pg.Client, statement: Recorded, rowsOf: ReadonlyMap<string, number>): Promise<readonly Read[]> {
  const plan = (await explain(client, statement, "analyze, ")) ?? (await explain(client, statement, ""));
  if (plan === undefined) throw new Error(`PostgreSQL has no plan for: ${statement.text}`);
  const found: Read[] = [];
  const visit = (node: Node): void => {
    const table = node["Relation Name"];
    const type = node["Node Type"];
    // Other tables belong to PostgreSQL and the queue.
    const all = table === undefined ? undefined : rowsOf.get(table);
    if (table !== undefined && all !== undefined && type.endsWith("Scan")) {
      found.push({ table, by: [type, node["Index Name"]].filter(Boolean).join(" "), rows: rowsRead(node, all) });
    }
    for (const child of node.Plans ?? []) visit(child);
  };
  visit(plan);
  return found;
}

function rowsRead(node: Node, all: number): number {
  if (node["Actual Rows"] === undefined) return node["Node Type"].includes("Seq Scan") ? all : node["Plan Rows"];
  const each = node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0);
  return Math.round(each * (node["Actual Loops"] ?? 1));
}

async function explain(client: pg.Client, { text, values, settings }: Recorded, options: string): Promise<Node | undefined> {
  await client.query("begin");
  try {
    for (const setting of settings) await client.query(setting.text, [...setting.values]);
    const { rows } = await client.query<{ "QUERY PLAN": readonly { readonly Plan: Node }[] }>(`explain (${options}format json) ${text}`, [
      ...values,
    ]);
    return rows[0]?.["QUERY PLAN"][0]?.Plan;
  } catch (error) {
    if (options === "") throw new Error(`${(error as Error).message}: ${text}`);
    return undefined;
  } finally {
    await client.query("rollback");
  }
}
