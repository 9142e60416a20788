import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { waitFor } from "../lib/api.ts";
import { rootFolder } from "../lib/paths.ts";

/** An event in the broker's message format. */
export interface Message {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
}

/** The measured subset of the server's broker port. */
interface Broker {
  publish(messages: readonly { readonly event: Message }[]): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A database with only the product's log. */
export interface Outbox {
  /** Every event in the order of the log, in the product's format. */
  readonly messages: readonly Message[];
  /** Seconds from the start of the product's relay to the last confirmation. */
  relayAll(exchange: string): Promise<number>;
  close(): Promise<void>;
}

const sourceFolder = join(rootFolder, "packages", "server", "src", "platform");
const source = (file: string) => import(pathToFileURL(join(sourceFolder, file)).href);
const publicUrl = "https://id.bench.example";
/** Events of one transaction of the set-up. */
const perTransaction = 1_000;

/** Appends `count` events of `subjects` aggregates, in turn, to the product's log. */
export async function fillOutbox(databaseUrl: string, brokerUrl: string, count: number, subjects: number): Promise<Outbox> {
  const { openPostgresql } = await source("database/postgresql.ts");
  const { createApplicationRole, migrate } = await source("database/migrations.ts");
  const { everyTenant } = await source("database/database.ts");
  const { append, logSteps, readAfter } = await source("log/log.ts");
  const { beginning } = await source("log/event.ts");
  const { brokerSteps } = await source("broker/schema-steps.ts");
  const { toCloudEvent } = await source("broker/cloud-event.ts");
  const database = openPostgresql({ url: databaseUrl, poolSize: 4 });
  await createApplicationRole(database.owner);
  await migrate(database.owner, [...logSteps, ...brokerSteps]);
  const envelope = { occurredAt: new Date(), traceparent: null };
  for (let from = 0; from < count; from += perTransaction) {
    const events = Array.from({ length: Math.min(perTransaction, count - from) }, (_, index) => newEvent(from + index, subjects));
    await database.transact(everyTenant, (tx: unknown) => append(tx, events, envelope));
  }
  // An open transaction in any database of this PostgreSQL holds back the log's horizon.
  const logged = await waitFor("the log to return the events", async () => {
    const read: unknown[] = await database.read(everyTenant, (db: unknown) => readAfter(db, beginning, { limit: count + 1 }));
    return read.length < count ? undefined : read;
  });
  if (logged.length !== count) throw new Error(`${count} events were written and ${logged.length} read`);
  return {
    messages: logged.map((event: unknown) => toCloudEvent(event, publicUrl)),
    relayAll: (exchange) => relayAll(database, brokerUrl, exchange, count),
    close: () => database.close(),
  };
}

/** A change of a role, as large as the product's. */
const newEvent = (number: number, subjects: number) => ({
  id: randomUUID(),
  type: "role.permissions_changed.v1",
  subject: `role/${number % subjects}`,
  organizationId: randomUUID(),
  data: { number, roleId: randomUUID(), added: ["Product.Create", "Product.Read"], removed: [], changedBy: randomUUID() },
});

async function relayAll(database: Database, brokerUrl: string, exchange: string, count: number): Promise<number> {
  const { Relay } = await source("broker/relay.ts");
  const { rabbitmqBroker } = await source("broker/rabbitmq.ts");
  const { createMetrics } = await source("telemetry/metrics.ts");
  const { pino } = createRequire(join(sourceFolder, "platform.ts"))("pino");
  const logger = pino({ level: "warn", messageKey: "message" }, process.stderr);
  const broker: Broker = rabbitmqBroker(brokerUrl, logger);
  await broker.ping();
  // A new relay starts at the beginning of the log.
  await database.owner.deleteFrom("relays").execute();
  const all = Promise.withResolvers<number>();
  let confirmed = 0;
  let beganAt = 0;
  const counting: Broker = {
    ...broker,
    async publish(messages) {
      await broker.publish(messages).catch((error) => {
        // Repeated publishing would be confirmed twice, and the count would be wrong.
        all.reject(error);
        throw error;
      });
      confirmed += messages.length;
      if (confirmed === count) all.resolve((performance.now() - beganAt) / 1_000);
    },
  };
  const options = { database, broker: counting, source: publicUrl, leaves: () => true, logger, metrics: createMetrics(), exchange };
  const relay = new Relay(options);
  beganAt = performance.now();
  relay.start();
  try {
    return await all.promise;
  } finally {
    await relay.close();
    await broker.close();
  }
}

/** The used subset of the product's database port. */
interface Database {
  readonly owner: { deleteFrom(table: string): { execute(): Promise<unknown> } };
}
