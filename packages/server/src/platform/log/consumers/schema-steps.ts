import { sql } from "kysely";
import { type SchemaStep, sharedTable } from "../../database/migrations.ts";

export const consumerSteps: readonly SchemaStep[] = [
  {
    name: "0002_bus_consumers",
    why: "how far each consumer has come, and the events that it could not handle",
    async up(db) {
      await sql`create table consumers (
        name text primary key,
        transaction xid8 not null,
        sequence bigint not null,
        moved_at timestamptz not null
      )`.execute(db);
      await sharedTable(db, "consumers");
      await sql`create table dead_letters (
        consumer text not null references consumers (name),
        event_id uuid not null references events (id),
        attempts integer not null,
        failure text not null,
        failed_at timestamptz not null,
        primary key (consumer, event_id)
      )`.execute(db);
      await sharedTable(db, "dead_letters");
    },
  },
  {
    name: "0068_bus_redrive",
    why: "marks a dead letter that its consumer is to handle again",
    async up(db) {
      await sql`alter table dead_letters add column again boolean not null default false`.execute(db);
    },
  },
  {
    name: "0089_bus_dead_letters_by_event",
    why: "an event that is removed from the log is looked for among the dead letters",
    async up(db) {
      await sql`create index dead_letters_by_event on dead_letters (event_id)`.execute(db);
    },
  },
];
