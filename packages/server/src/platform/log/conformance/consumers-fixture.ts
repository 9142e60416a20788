import { randomBytes } from "node:crypto";
import { describeOnPostgresql, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe } from "vitest";
import { type Database, everyTenant, type WriteHandle } from "../../database/database.ts";
import { type SchemaStep, sharedTable } from "../../database/migrations.ts";
import { rowsOf } from "../../database/rows.ts";
import type { Consumer } from "../consumers/consumer.ts";
import { Consumers } from "../consumers/consumers.ts";
import { consumerSteps } from "../consumers/schema-steps.ts";
import type { LoggedEvent, NewEvent } from "../event.ts";
import { logSteps } from "../log.ts";
import { appendTo, newEvent } from "./events.ts";

/** The schema of the log, the consumers, and a table that handlers write into. */
const steps: readonly SchemaStep[] = [
  ...logSteps,
  ...consumerSteps,
  {
    name: "9000_test_effects",
    why: "what a handler writes, to see that it counts once",
    async up(db) {
      await sql`create table effects (
        number bigint generated always as identity, consumer text not null, event_id uuid not null)`.execute(db);
      await sharedTable(db, "effects");
    },
  },
];

/** Shorter pauses than the product's, so that six attempts are fast. */
export const shortRetry = { firstPauseMs: 4, longestPauseMs: 256 };

interface ConsumersUnderTest {
  readonly database: Database;
  /** The connection of a database on a server. */
  readonly url?: string;
  /** The consumers of another process; closed after the test. */
  start(): Consumers;
  close(): Promise<void>;
}

const onPglite = async (): Promise<ConsumersUnderTest> => {
  const { database, close } = await freshPglite(steps);
  return { database, start: () => new Consumers(database, silent, { retry: shortRetry }), close };
};

export const onPostgresql = async (login: "superuser" | "plain" = "superuser"): Promise<ConsumersUnderTest> => {
  const fresh = await freshPostgresql(steps, login);
  // Each process has its own handle, so that connections are not shared.
  return {
    database: fresh.database,
    start: () => new Consumers(fresh.another(3), silent, { retry: shortRetry }),
    close: () => fresh.close(),
    url: fresh.url as string,
  };
};

/** Runs tests on embedded storage, on PostgreSQL, and there with a plain login that owns the database. */
export function describeConsumers(title: string, tests: (on: ReturnType<typeof consumersFixture>) => void): void {
  describe(`${title}, on PGlite`, () => tests(consumersFixture(onPglite)));
  describeOnPostgresql(`${title}, on PostgreSQL`, () => tests(consumersFixture(onPostgresql)));
  describeOnPostgresql(`${title}, on PostgreSQL with a plain login`, () => tests(consumersFixture(() => onPostgresql("plain"))));
}

/** The fixture of consumer tests, with one database for all tests of a block. */
export function consumersFixture(make: () => Promise<ConsumersUnderTest>) {
  let made: ConsumersUnderTest;
  let suffix = "";
  const started: Consumers[] = [];
  beforeAll(async () => {
    made = await make();
  }, 60_000);
  beforeEach(() => {
    // Each test has its own types and names, because the log is shared.
    suffix = randomBytes(4).toString("hex");
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((consumers) => consumers.close()));
  });
  afterAll(() => made?.close());

  const type = (name = "happened") => `thing.${name}_${suffix}.v1`;
  const nameOf = (purpose = "test") => `consumers.${purpose}_${suffix}`;
  const writeEffects = async (consumer: string, events: readonly LoggedEvent[], tx: WriteHandle): Promise<void> => {
    for (const event of events) await sql`insert into effects (consumer, event_id) values (${consumer}, ${event.id})`.execute(tx);
  };

  return {
    get database() {
      return made.database;
    },
    get url(): string {
      return made.url as string;
    },
    start(): Consumers {
      const consumers = made.start();
      started.push(consumers);
      return consumers;
    },
    type,
    name: nameOf,
    event: (given: Partial<NewEvent> = {}) => newEvent({ type: type(), ...given }),
    /** A consumer that records, in its transaction, which events it received. */
    consumer: (given: Partial<Consumer> = {}): Consumer & { readonly handled: LoggedEvent[] } => {
      const handled: LoggedEvent[] = [];
      const name = given.name ?? nameOf();
      return {
        name,
        types: [type()],
        handle: async (events, tx) => {
          await writeEffects(name, events, tx);
          handled.push(...events);
        },
        ...given,
        handled,
      };
    },
    writeEffects,
    effects: async (consumer = nameOf()): Promise<string[]> => {
      const rows = await made.database.read(everyTenant, (db) =>
        rowsOf(db, sql<{ event_id: string }>`select event_id from effects where consumer = ${consumer} order by number`),
      );
      return rows.map((row) => row.event_id);
    },
    deadLetters: (consumer = nameOf()): Promise<{ event_id: string; attempts: number; failure: string }[]> =>
      made.database.read(everyTenant, (db) =>
        rowsOf(
          db,
          sql<{ event_id: string; attempts: number; failure: string }>`
            select event_id, attempts, failure from dead_letters where consumer = ${consumer} order by failed_at`,
        ),
      ),
    append: (...events: readonly NewEvent[]) => appendTo(made.database, events),
  };
}
