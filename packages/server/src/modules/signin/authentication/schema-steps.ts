import { sql } from "kysely";
import { type SchemaStep, sharedTable } from "#platform/database/migrations.ts";

export const steps: readonly SchemaStep[] = [
  {
    name: "0050_authentication_known_addresses",
    why: "where each user has signed in from before: a lock-out that strangers bring about does not lock these out",
    async up(db) {
      await sql`create table known_addresses (
        user_id uuid not null references users (id) on delete cascade,
        address text not null,
        last_sign_in_at timestamptz not null,
        primary key (user_id, address)
      )`.execute(db);
      await sharedTable(db, "known_addresses");
    },
  },
];
