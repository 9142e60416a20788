import { randomBytes, randomUUID } from "node:crypto";
import { type Fresh, freshPglite } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type Database, everyTenant, type WriteHandle } from "../../database/database.ts";
import { type SchemaStep, sharedTable } from "../../database/migrations.ts";
import { rowsOf } from "../../database/rows.ts";
import type { Broker, BrokerConsumer, BrokerMessage, Received } from "../broker.ts";
import type { Envelope } from "../cloud-event.ts";
import { once } from "../inbox.ts";
import type { RetryPolicy } from "../keyed-work.ts";
import { brokerSteps } from "../schema-steps.ts";

/** Shorter pauses than the product's, so that several attempts are fast. */
export const impatient: RetryPolicy = { attemptsMax: 3, firstPauseMs: 20, longestPauseMs: 60 };

/** The broker's own tables, and a table that handlers write into. */
export const brokerContractSteps: readonly SchemaStep[] = [
  ...brokerSteps,
  {
    name: "9000_contract_effects",
    why: "what a handler writes, to see that it counts once",
    async up(db) {
      await sql`create table effects (number bigint generated always as identity, consumer text not null, event_id text not null)`.execute(
        db,
      );
      await sharedTable(db, "effects");
    },
  },
];

/** A broker service, or the database as a broker. */
export interface BrokerUnderTest {
  /** Starts the adapter as another process would; the contract closes it. */
  start(): Broker;
  /** The database that handlers write to; by default one of the fixture's own. */
  readonly database?: Database;
  /** Makes the broker unreachable, and reachable again; absent if that is not possible. */
  readonly line?: { cut(): Promise<void>; mend(): Promise<void>; hold(): void; release(): void };
  /** Publishes a message by another producer than ours; absent if there is none. */
  readonly foreign?: (message: ForeignMessage) => Promise<void>;
  /** Whether the broker itself filters events by a consumer's topics. */
  readonly bindsByTopic?: boolean;
  /** Deletes what the tests have created in the service. */
  close(exchanges: readonly string[], consumers: readonly string[]): Promise<void>;
}

/** A message of another producer. */
export interface ForeignMessage {
  readonly exchange: string;
  /** For example `thing.happened`. */
  readonly address: string;
  readonly body: string | Buffer;
  readonly contentType?: string;
  /** CloudEvents attributes outside of the body. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** The fixture of the contract's tests; also for tests of a single adapter. */
export function brokerFixture(make: () => Promise<BrokerUnderTest>) {
  let made: BrokerUnderTest;
  let own: Fresh | undefined;
  let suffix = "";
  const exchanges = new Set<string>();
  const consumers = new Set<string>();
  const started: Broker[] = [];
  beforeAll(async () => {
    made = await make();
    if (made.database === undefined) own = await freshPglite(brokerContractSteps);
  }, 60_000);
  beforeEach(() => {
    suffix = randomBytes(5).toString("hex");
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((broker) => broker.close()));
  });
  afterAll(async () => {
    await made?.close([...exchanges], [...consumers]);
    await own?.close();
  });

  const exchange = (name = "events"): string => {
    const full = `contract.${name}-${suffix}`;
    exchanges.add(full);
    return full;
  };
  const name = (purpose = "test"): string => {
    const full = `contract.${purpose}-${suffix}`;
    consumers.add(full);
    return full;
  };
  const database = (): Database => made.database ?? (own as Fresh).database;
  const write =
    (consumer: string, { event }: Received) =>
    async (tx: WriteHandle) => {
      await sql`insert into effects (consumer, event_id) values (${consumer}, ${event.id})`.execute(tx);
    };

  return {
    get line() {
      return made.line as NonNullable<BrokerUnderTest["line"]>;
    },
    get hasForeign() {
      return made.foreign !== undefined;
    },
    get bindsByTopic() {
      return made.bindsByTopic ?? false;
    },
    foreign: (message: ForeignMessage) => (made.foreign as NonNullable<BrokerUnderTest["foreign"]>)(message),
    get hasLine() {
      return made.line !== undefined;
    },
    database,
    exchange,
    name,
    start(): Broker {
      const broker = made.start();
      started.push(broker);
      return broker;
    },
    event: (given: Partial<Envelope> = {}): Envelope => ({
      specversion: "1.0",
      id: randomUUID(),
      source: "https://contract.example",
      type: "thing.happened.v1",
      subject: "thing/1",
      time: new Date().toISOString(),
      data: {},
      ...given,
    }),
    messages: (...events: readonly Envelope[]): BrokerMessage[] => events.map((event) => ({ exchange: exchange(), event })),
    /** A consumer that records received messages once `handle` did not reject. */
    consumer: (given: Partial<BrokerConsumer> = {}): BrokerConsumer & { readonly handled: Envelope[] } => {
      const handled: Envelope[] = [];
      const { handle, ...more } = given;
      return {
        name: name(),
        exchange: exchange(),
        topics: ["thing.*"],
        ...more,
        handled,
        handle: async (received) => {
          await handle?.(received);
          handled.push(received.event);
        },
      };
    },
    /** Writes the effect of a message once, however often it is delivered. */
    effectOnce: (received: Received, consumer = name()): Promise<void> =>
      once(database(), { consumer, id: received.event.id, now: new Date() }, write(consumer, received)),
    effects: async (consumer = name()): Promise<string[]> => {
      const rows = await database().read(everyTenant, (db) =>
        rowsOf(db, sql<{ event_id: string }>`select event_id from effects where consumer = ${consumer} order by number`),
      );
      return rows.map((row) => row.event_id);
    },
  };
}

export const idsOf = (events: readonly Envelope[]): readonly string[] => events.map(({ id }) => id);
