import { type Kysely, sql } from "kysely";
import type { AnyTables } from "#platform/database/database.ts";
import type { Table } from "./catalogue.ts";

/** Sets the next number of each sequence above those in its table. */
export async function raiseSequences(tx: Kysely<AnyTables>, tables: readonly Table[]): Promise<void> {
  for (const { name: table, columns } of tables) {
    for (const { name } of columns.filter(({ identity }) => identity)) {
      await sql`select setval(sequence, greatest(used, (select coalesce(last_value, 0) from pg_sequences
          where format('%I.%I', schemaname, sequencename)::regclass = sequence)))
        from (select pg_get_serial_sequence(${table}, ${name})::regclass as sequence, max(${sql.ref(name)}) as used from ${sql.table(table)}) found
        where used is not null`.execute(tx);
    }
  }
}
