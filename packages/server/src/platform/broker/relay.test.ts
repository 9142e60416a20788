import { randomBytes } from "node:crypto";
import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql, holdTransaction } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { type Wire, wireTo } from "@gatehouse/testing/proxy.ts";
import { listens, services } from "@gatehouse/testing/services.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { sql } from "kysely";
import { Connection } from "rabbitmq-client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Database, everyTenant } from "../database/database.ts";
import { rowsOf } from "../database/rows.ts";
import { deadLetterRecords, deadLetterSteps } from "../dead-letters.ts";
import { appendIn, appendTo, newEvent } from "../log/conformance/events.ts";
import { logSteps } from "../log/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import type { Broker } from "./broker.ts";
import type { CloudEvent } from "./cloud-event.ts";
import { databaseBroker } from "./database-broker.ts";
import { jetstreamBroker } from "./jetstream.ts";
import { rabbitmqBroker } from "./rabbitmq.ts";
import { rejectedEvents } from "./rejected-events.ts";
import { Relay, type RelayDependencies, relayStatus } from "./relay.ts";
import { brokerSteps } from "./schema-steps.ts";

const steps = [...logSteps, ...brokerSteps, ...deadLetterSteps];
const url = process.env["TEST_RABBITMQ_URL"] ?? "amqp://guest:guest@127.0.0.1:5672";
const source = "https://id.example.com";

/** A log, a broker and its consumer. */
function scene(database: () => Database, start: () => Broker, listener: () => Broker) {
  let exchange = "";
  let came: CloudEvent[] = [];
  let listening: Broker;
  const relays: Relay[] = [];
  const brokers: Broker[] = [];
  const metrics = createMetrics();
  beforeEach(async () => {
    exchange = `contract.relay-${randomBytes(5).toString("hex")}`;
    came = [];
    // Each test begins with an empty log and no position.
    await database().transact(everyTenant, async (tx) => {
      await sql`delete from relays`.execute(tx);
      await sql`delete from events`.execute(tx);
    });
    listening = listener();
    const handle = async (received: { event: unknown }) => void came.push(received.event as CloudEvent);
    await listening.consume({ name: `${exchange}-listener`, exchange, topics: ["#"], handle }).ready();
  });
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.close()));
    await Promise.all(brokers.splice(0).map((broker) => broker.close()));
    await listening.close();
  });
  return {
    metrics,
    get came() {
      return came;
    },
    get exchange() {
      return exchange;
    },
    /** A relay of another process. */
    relay(more: Partial<RelayDependencies> = {}): Relay {
      const broker = start();
      brokers.push(broker);
      const dependencies = {
        database: database(),
        broker,
        source,
        logger: silent,
        metrics,
        exchange,
        batch: 7,
        leaseSeconds: 1,
        firstPauseMs: 20,
      };
      const relay = new Relay({ ...dependencies, leaves: (type) => !type.startsWith("internal."), ...more });
      relays.push(relay);
      relay.start();
      return relay;
    },
    async append(count: number, subjects = 3, from = 0): Promise<readonly string[]> {
      const events = Array.from({ length: count }, (_, index) =>
        newEvent({ subject: `thing/${(from + index) % subjects}`, type: "thing.happened.v1", data: { number: from + index } }),
      );
      for (const event of events) await appendTo(database(), [event]);
      return events.map(({ id }) => id);
    },
    status: () => database().read(everyTenant, relayStatus),
    /** Duplicates have the same id; without them, events are in order per subject. */
    expectInOrder(ids: readonly string[]): void {
      const first = came.filter((event, index) => came.findIndex(({ id }) => id === event.id) === index);
      expect(first.map(({ id }) => id).toSorted()).toEqual([...ids].toSorted());
      for (const subject of new Set(first.map((event) => event.subject))) {
        const of = first.filter((event) => event.subject === subject).map(({ id }) => id);
        expect(of).toEqual(ids.filter((id) => of.includes(id)));
      }
    },
  };
}

const distinct = (events: readonly CloudEvent[]): number => new Set(events.map(({ id }) => id)).size;

describe("the relay", () => {
  let fresh: Fresh;
  beforeAll(async () => {
    fresh = await freshPglite(steps);
  });
  afterAll(() => fresh?.close());
  const on = scene(
    () => fresh.database,
    () => databaseBroker(fresh.database, silent),
    () => databaseBroker(fresh.database, silent),
  );

  it("publishes the log as CloudEvents, in order, without internal events", async () => {
    const event = newEvent({ type: "thing.happened.v2", organizationId: "0198a000-0000-7000-8000-0000000000aa" });
    await appendTo(fresh.database, [newEvent({ type: "internal.moved.v1" }), event]);
    const more = await on.append(20);
    on.relay();
    await eventually(() => on.came).toHaveLength(21);
    expect(on.came[0]).toMatchObject({
      id: event.id,
      source,
      type: "thing.happened.v2",
      schemaversion: "2",
      tenantid: event.organizationId,
      subject: event.subject,
    });
    on.expectInOrder([event.id, ...more]);
    await eventually(() => on.status()).toMatchObject({ held: true, lagEvents: 0, lagSeconds: 0 });
  });

  it("publishes nothing from an empty log, and has no status before it ran", async () => {
    expect(await on.status()).toBeUndefined();
    const relay = on.relay();
    await eventually(() => on.status()).toMatchObject({ held: true, lagEvents: 0, movedAt: null });
    await relay.close();
    expect(on.came).toEqual([]);
    expect(await on.status()).toMatchObject({ held: false, holder: null });
  });

  it("is woken by an append", async () => {
    const relay = on.relay();
    await eventually(() => on.status()).toMatchObject({ held: true });
    const ids = await on.append(1);
    relay.wake();
    await eventually(() => on.came.map(({ id }) => id)).toEqual(ids);
  });

  it("resumes where the previous relay stopped, and publishes no confirmed event twice", async () => {
    const before = await on.append(10);
    const first = on.relay();
    await eventually(() => on.came).toHaveLength(10);
    await first.close();
    const after = await on.append(5, 3, 10);
    on.relay();
    await eventually(() => on.came).toHaveLength(15);
    on.expectInOrder([...before, ...after]);
  });

  it("reports the number and age of waiting events while the broker is unavailable", async () => {
    const broker: Broker = { ...databaseBroker(fresh.database, silent), publish: () => Promise.reject(new Error("away")) };
    await on.append(9);
    on.relay({ broker });
    const failures = async () => (await on.metrics.relayFailures.get()).values[0]?.value ?? 0;
    await eventually(failures).toBeGreaterThan(2);
    expect(await on.status()).toMatchObject({ lagEvents: 9 });
    expect((await on.status())?.lagSeconds).toBeGreaterThan(0);
    expect(on.came).toEqual([]);
  });
});

// The NATS server allows messages of 1 MB by default.
describe.skipIf(!(await listens("nats")))("the relay with a broker that limits the size of a message", () => {
  let fresh: Fresh;
  beforeAll(async () => {
    fresh = await freshPglite(steps);
  });
  afterAll(() => fresh?.close());
  const start = () => jetstreamBroker(services.nats, silent);
  const on = scene(() => fresh.database, start, start);
  afterEach(async () => {
    const nats = await connect({ servers: services.nats });
    await (await jetstreamManager(nats)).streams.delete(on.exchange.replaceAll(".", "-"));
    await nats.close();
  });
  const letters = () => rejectedEvents(fresh.database);
  const tooLarge = () => newEvent({ type: "thing.happened.v1", subject: "thing/0", data: { text: "x".repeat(1_200_000) } });

  it("dead-letters an event that the broker rejects, and publishes earlier and later events in order", async () => {
    const before = await on.append(5);
    const [large, larger] = [tooLarge(), tooLarge()];
    await appendTo(fresh.database, [large, larger]);
    const behind = await on.append(20);
    on.relay();
    await eventually(() => on.status()).toMatchObject({ lagEvents: 0 });
    await eventually(() => distinct(on.came)).toBe(25);
    on.expectInOrder([...before, ...behind]);
    const { items } = await letters().list({ limit: 10 });
    expect(items).toMatchObject([
      { id: large.id, topic: "thing.happened.v1", attempts: 1, failure: expect.stringContaining("max_payload") },
      { id: larger.id },
    ]);
    expect(items[0]?.body).not.toContain("xxx");
    await letters().drop(larger.id);
  });

  it("publishes a redriven event, and dead-letters it again while the broker still rejects it", async () => {
    // A type that this relay does not publish by itself, so that the event arrives only by redriving.
    const small = newEvent({ type: "internal.happened.v1", subject: "thing/9" });
    await appendTo(fresh.database, [small]);
    const { items } = await letters().list({ limit: 10 });
    const large = items[0]?.id as string;
    await fresh.database.transact(everyTenant, async (tx) => {
      // As after a broker with a lower limit.
      await deadLetterRecords(tx, "relay", [{ id: small.id, topic: small.type, body: "{}", error: new Error("too large") }]);
      // The previous test's event is in the log again.
      await appendIn(tx, { ...tooLarge(), id: large });
    });
    const relay = on.relay();
    await eventually(() => on.status()).toMatchObject({ lagEvents: 0 });
    expect(await letters().redriveAll()).toBe(2);
    relay.wake();
    await eventually(async () => (await letters().list({ limit: 10 })).items).toMatchObject([{ id: large, attempts: 3 }]);
    await eventually(() => on.came.map(({ id }) => id)).toEqual([small.id]);
  });
});

const answers = await listens("rabbitmq");

// Two processes, open transactions and network failures need several connections, which embedded storage does not have.
describeOnPostgresql(answers ? "the relay on PostgreSQL with RabbitMQ" : "the relay with RabbitMQ (skipped: nothing answers)", () => {
  if (!answers) return it.skip("needs TEST_RABBITMQ_URL");
  let fresh: Fresh;
  let wire: Wire;
  const exchanges = new Set<string>();
  beforeAll(async () => {
    [fresh, wire] = [await freshPostgresql(steps), await wireTo(url)];
  });
  afterAll(async () => {
    await wire?.close();
    await fresh?.close();
    const connection = new Connection(url);
    for (const exchange of exchanges) {
      await connection.queueDelete({ queue: `${exchange}-listener` });
      await connection.exchangeDelete({ exchange });
    }
    await connection.close();
  });
  const on = scene(
    () => fresh.database,
    () => rabbitmqBroker(wire.url, silent, { confirmMs: 1_500 }),
    () => rabbitmqBroker(url, silent),
  );
  beforeEach(() => void exchanges.add(on.exchange));

  it("runs in one of two processes, and in the other once that one has died", async () => {
    const [one, two] = [on.relay(), on.relay()];
    const first = await on.append(30);
    await eventually(() => distinct(on.came)).toBe(30);
    expect(on.came).toHaveLength(30);
    const { holder } = (await on.status()) as { holder: string };
    // Either may hold the lease: both are abandoned, and a third takes it over.
    one.abandon();
    two.abandon();
    const rest = await on.append(30, 3, 30);
    on.relay();
    await eventually(() => distinct(on.came)).toBe(60);
    on.expectInOrder([...first, ...rest]);
    expect((await on.status())?.holder).not.toBe(holder);
  });

  it("does not advance a position whose lease another process holds", async () => {
    on.relay();
    await on.append(5);
    await eventually(() => on.came).toHaveLength(5);
    const thief = "0198a000-0000-7000-8000-000000000bad";
    await fresh.database.transact(everyTenant, (tx) =>
      sql`update relays set holder = ${thief}, lease_until = now() + interval '1 hour'`.execute(tx),
    );
    const position = () => fresh.database.read(everyTenant, (db) => rowsOf(db, sql`select transaction::text, sequence::text from relays`));
    const before = await position();
    await on.append(5, 3, 5);
    // A second relay also finds the lease held; each has finished its run once it has claimed in vain.
    const late = on.relay();
    await late.close();
    expect(await position()).toEqual(before);
  });

  it("leaves events in the log during a broker outage, and publishes them in order afterwards", async () => {
    on.relay();
    const before = await on.append(20);
    await eventually(() => distinct(on.came)).toBe(20);
    await wire.cut();
    const meanwhile = await on.append(40, 3, 20);
    await eventually(async () => (await on.status())?.lagEvents).toBe(40);
    await wire.mend();
    await eventually(() => distinct(on.came)).toBe(60);
    on.expectInOrder([...before, ...meanwhile]);
    await eventually(() => on.status()).toMatchObject({ lagEvents: 0 });
  });

  it("loses nothing and preserves the order when processes repeatedly die in the middle of a batch", async () => {
    const ids: string[] = [];
    const appending = (async () => {
      for (let round = 0; round < 10; round += 1) ids.push(...(await on.append(15, 4, round * 15)));
    })();
    for (let round = 0; round < 3; round += 1) {
      const target = distinct(on.came) + 20;
      const relay = on.relay({ leaseSeconds: 0.4 });
      await eventually(() => distinct(on.came) >= Math.min(target, 150)).toBe(true);
      relay.abandon();
    }
    await appending;
    on.relay();
    await eventually(() => distinct(on.came)).toBe(150);
    on.expectInOrder(ids);
  });

  it("does not pass a transaction that began earlier and commits later", async () => {
    on.relay();
    const slow = await holdTransaction(fresh.database);
    const early = newEvent({ type: "thing.happened.v1", subject: "thing/slow" });
    await slow.run((tx) => appendIn(tx, early));
    const quick = newEvent({ type: "thing.happened.v1", subject: "thing/quick" });
    await appendTo(fresh.database, [quick]);
    await eventually(async () => (await on.status())?.lagEvents).toBe(1);
    expect(on.came).toEqual([]);
    await slow.commit();
    await eventually(() => on.came.map(({ id }) => id)).toEqual([early.id, quick.id]);
  });
});
