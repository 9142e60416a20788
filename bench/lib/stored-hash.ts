import type { Argon2Parameters } from "./argon2.ts";
import { withClient } from "./postgres.ts";

/**
 * The parameters of a stored password hash, which proves that both sides do the same work. Searches every text column, because the bench
 * does not depend on the product's tables. Undefined where no hash in the usual format is found.
 */
export async function storedArgon2Parameters(databaseUrl: string): Promise<Argon2Parameters | undefined> {
  return withClient(databaseUrl, async (client) => {
    const { rows: columns } = await client.query<{ table: string; name: string }>(`
      select format('%I.%I', table_schema, table_name) as table, format('%I', column_name) as name
      from information_schema.columns join information_schema.tables using (table_schema, table_name)
      where table_type = 'BASE TABLE' and data_type in ('text', 'character varying')
        and table_schema not in ('pg_catalog', 'information_schema')
      order by (column_name ilike '%hash%') desc`);
    for (const { table, name } of columns) {
      const { rows } = await client.query<{ hash: string }>(
        `select ${name} as hash from ${table} where ${name} like '$argon2id$%' limit 1`,
      );
      if (rows[0]) return parse(rows[0].hash);
    }
    return undefined;
  });
}

function parse(hash: string): Argon2Parameters | undefined {
  const part = (name: string) => Number(new RegExp(`[$,]${name}=(\\d+)`).exec(hash)?.[1]);
  const parameters = { memoryKiB: part("m"), passes: part("t"), lanes: part("p") };
  return Object.values(parameters).every(Number.isInteger) ? parameters : undefined;
}
