import { sql } from "kysely";
import { type SchemaStep, sharedTable } from "../database/migrations.ts";

export const brokerSteps: readonly SchemaStep[] = [
  {
    name: "0065_broker_relays",
    why: "the position up to which the log has been published, and which process publishes it",
    async up(db) {
      await sql`create table relays (
        name text primary key,
        holder uuid,
        lease_until timestamptz,
        transaction xid8 not null default '0',
        sequence bigint not null default 0,
        moved_at timestamptz
      )`.execute(db);
      await sharedTable(db, "relays");
    },
  },
  {
    name: "0066_broker_inbox",
    why: "ids of received messages that are handled: a row is written in the transaction of the effect",
    async up(db) {
      await sql`create table inbox_messages (
        consumer text not null,
        message_id text not null,
        received_at timestamptz not null,
        primary key (consumer, message_id)
      )`.execute(db);
      await sql`create index inbox_messages_by_age on inbox_messages (received_at)`.execute(db);
      await sharedTable(db, "inbox_messages");
    },
  },
  {
    name: "0067_broker_in_process",
    why: "the broker of an installation without one: messages, their consumers' positions, and dead letters",
    async up(db) {
      await sql`create table broker_messages (
        sequence bigint generated always as identity primary key,
        transaction xid8 not null default pg_current_xact_id(),
        exchange text not null,
        topic text not null,
        body text not null,
        published_at timestamptz not null default now()
      )`.execute(db);
      await sql`create index broker_messages_in_commit_order on broker_messages (exchange, transaction, sequence)`.execute(db);
      await sql`create index broker_messages_by_age on broker_messages (published_at)`.execute(db);
      await sharedTable(db, "broker_messages");
      await sql`create table broker_consumers (
        name text primary key,
        holder uuid,
        lease_until timestamptz,
        transaction xid8 not null default '0',
        sequence bigint not null default 0,
        moved_at timestamptz
      )`.execute(db);
      await sharedTable(db, "broker_consumers");
      await sql`create table broker_dead_letters (
        number bigint generated always as identity,
        consumer text not null,
        id text not null,
        topic text not null,
        body text not null,
        attempts integer not null,
        failure text not null,
        failed_at timestamptz not null,
        again boolean not null default false,
        primary key (consumer, id)
      )`.execute(db);
      await sharedTable(db, "broker_dead_letters");
    },
  },
];
