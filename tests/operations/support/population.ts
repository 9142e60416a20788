import type pg from "pg";

/** The rows that each table gets in addition to the samples, their tenants, and the rows of the internal scope. */
const rowsOfTenants = 20_000;
const tenants = 500;
const rowsOfInternalScope = 300;
/** The rows of tables whose internal rows grow with use and are read in pages. */
const rowsOfLongInternalTables = 3_000;
const longInternalTables = ["audit_checkpoints", "audit_records", "memberships", "relationships"];
/** Tables without row-level security that grow with the installation. */
const sharedTables = ["users", "known_addresses", "idempotency_keys"];

interface Column {
  readonly name: string;
  readonly type: string;
  readonly unique: boolean;
  readonly max: number | null;
}

/**
 * Multiplies a row of each tenant table and of each table that grows with the users, because the planner chooses by the number of rows.
 * The new rows belong to other tenants; the samples stay the only rows of theirs. Returns the tables without a row to multiply.
 */
export async function populate(client: pg.Client): Promise<{ readonly filled: readonly string[]; readonly empty: readonly string[] }> {
  const { rows } = await client.query<{ table: string }>(`select relname as table from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r' and relrowsecurity order by relname`);
  const filled: string[] = [];
  const empty: string[] = [];
  // Without foreign keys and the triggers of the audit log: the rows may refer to users that do not exist.
  await client.query("set session_replication_role = replica");
  for (const table of [...rows.map((row) => row.table), ...sharedTables]) {
    const made = await multiply(client, table);
    (made > 0 ? filled : empty).push(table);
  }
  await client.query("reset session_replication_role");
  await client.query("vacuum analyze");
  return { filled, empty };
}

async function multiply(client: pg.Client, table: string): Promise<number> {
  const { rows: columns } = await client.query<Column>(
    `select a.attname as name, format_type(a.atttypid, null) as type,
      case when a.atttypmod > 4 and a.atttypid = 'varchar'::regtype then a.atttypmod - 4 end as max,
      exists (select from pg_index i where i.indrelid = a.attrelid and i.indisunique and a.attnum = any(i.indkey)) or a.attname like '%email%' as unique
    from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [table],
  );
  const tenantColumn = table === "organizations" ? "id" : "organization_id";
  const hasTenant = columns.some(({ name }) => name === tenantColumn);
  const copies = async (which: string, count: number, tenant: string): Promise<number> => {
    const values = columns.map((column) => (column.name === tenantColumn ? tenant : copiedValue(table, column)));
    const { rowCount } = await client.query(
      `insert into ${table} (${columns.map(({ name }) => `"${name}"`).join(", ")}) overriding system value
        select ${values.join(", ")} from (select * from ${table} ${which} limit 1) t, generate_series(1, ${count}) n on conflict do nothing`,
    );
    return rowCount ?? 0;
  };
  if (!hasTenant) return copies("", rowsOfTenants, "null");
  const one = table === "organizations" ? "md5('tenant' || n)::uuid" : `md5('tenant' || n % ${tenants})::uuid`;
  const made = await copies(`where ${tenantColumn} is not null`, rowsOfTenants, one);
  const internal = await copies(
    `where ${tenantColumn} is null`,
    longInternalTables.includes(table) ? rowsOfLongInternalTables : rowsOfInternalScope,
    "null",
  );
  return made + internal;
}

/** A new value for columns that must differ between rows; the copied value for all others. */
function copiedValue(table: string, { name, type, unique, max }: Column): string {
  const has = `t."${name}"`;
  const other = (value: string): string => `case when ${has} is null then null else ${value} end`;
  if (name === "user_id") return other("md5('user' || n % 5000)::uuid");
  if (type === "uuid") return other(`md5('${table} ${name}' || n || coalesce(t::text, ''))::uuid`);
  if (type === "xid8") return "(3 + n % 700)::text::xid8";
  if (type === "timestamp with time zone") return `${has} - make_interval(secs => n)`;
  if (!unique) return has;
  if (type === "bigint" || type === "integer") return `(${has} + 1000000 + n)`;
  if (type === "bytea") return `decode(md5('${table}' || n || coalesce(t::text, '')), 'hex')`;
  if (type === "text" || type === "character varying")
    return other(`right(${has} || ' ' || md5('${name}' || n || t::text), ${max ?? 300})`);
  return has;
}
