import { sql } from "kysely";
import { type SchemaStep, sharedTable } from "../database/migrations.ts";

export const keySteps: readonly SchemaStep[] = [
  {
    name: "0170_platform_master_keys",
    why: "records which master keys encrypt in this database, so that a start with another key is refused",
    async up(db) {
      await sql`create table master_keys (
        name text primary key,
        check_value text not null,
        first_used_at timestamptz not null default now()
      )`.execute(db);
      await sharedTable(db, "master_keys");
    },
  },
];
