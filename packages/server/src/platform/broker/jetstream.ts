import { createHash } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { natsServer } from "../nats/address.ts";
import { policies } from "../resilience/policies.ts";
import { pauseUntil, within } from "../waiting.ts";
import type { Broker, BrokerMessage, BrokerNeeds } from "./broker.ts";
import { closeInTime } from "./close-in-time.ts";
import { topicOf } from "./cloud-event.ts";
import { JetStreamConsumer } from "./jetstream-consumer.ts";
import { jetstreamDeadLetters } from "./jetstream-dead-letters.ts";
import { covers, ensureStream, isMissing, streamOf, subjectMismatch } from "./jetstream-streams.ts";
import { defaultRetry, type RetryPolicy } from "./keyed-work.ts";
import { Refusals, refusalIn } from "./refusals.ts";
import { unavailable } from "./unavailable.ts";

export interface JetStreamOptions {
  readonly retry?: RetryPolicy;
  readonly confirmMs?: number;
  /** How long a silent process keeps its messages in flight and its lease. */
  readonly ackWaitMs?: number;
}

const confirmMsDefault = policies["broker.publish"].timeLimitMs;
/** Longer than a garbage collection or a busy disk; the process sends three heartbeats in this time. */
const ackWaitMsDefault = 10_000;
const { timeLimitMs: connectMs, retries } = policies["nats.connection"];
const { firstPauseMs: reconnectEveryMs, longestPauseMs: connectEveryMs } = retries;
/** As for requests over NATS: a connection that leaves two pings unanswered is replaced. */
const pingEveryMs = 2_000;
const pingsWithoutAnswerMax = 2;
/** The time limit of a ping. */
const pingMs = policies["broker.connection"].timeLimitMs;

/**
 * NATS JetStream: a stream for each exchange (`iam.events` is `iam-events`, with the subjects `iam.events.>`), a durable pull
 * consumer for each consumer, which delivers to one process at a time to preserve the order per subject.
 */
export function jetstreamBroker(url: string, logger: Logger, options: JetStreamOptions = {}): Broker {
  const { retry = defaultRetry, confirmMs = confirmMsDefault, ackWaitMs = ackWaitMsDefault } = options;
  const log = logger.child({ module: "broker" });
  const refusals = new Refusals("NATS JetStream", log);
  const closing = Promise.withResolvers<void>();
  const connection = connected(url, refusals, closing.promise);
  connection.catch(() => {});
  const connectedInTime = (): Promise<NatsConnection> => within(confirmMs, "NATS does not answer", connection);
  const consumers = new Set<JetStreamConsumer>();
  const known = new Set<string>();
  let abandoned = false;

  const send = async (messages: readonly BrokerMessage[]): Promise<void> => {
    const nats = await connectedInTime();
    const manager = await jetstreamManager(nats, { timeout: confirmMs });
    for (const exchange of new Set(messages.map((message) => message.exchange))) {
      if (known.has(exchange)) continue;
      await ensureStream(manager, streamOf(exchange), [`${exchange}.>`]);
      known.add(exchange);
    }
    const stream = jetstream(nats, { timeout: confirmMs });
    await Promise.all(
      messages.map(({ exchange, event }) =>
        stream.publish(`${exchange}.${topicOf(event.type)}`, JSON.stringify(event), { msgID: messageId(event), timeout: confirmMs }),
      ),
    );
  };

  const publishing = (work: () => Promise<void>): Promise<void> =>
    unavailable(() => within(confirmMs, "JetStream confirmed too late", refusals.at("publishing", work)));
  /** Queries JetStream itself: a server without JetStream may answer a ping. */
  const queryAccount = async (): Promise<void> => {
    await (await jetstreamManager(await connectedInTime(), { timeout: pingMs, checkAPI: false })).getAccountInfo();
  };

  return {
    kind: "jetstream",
    publish: (messages) => publishing(() => send(messages)),
    consume(consumer) {
      const running = new JetStreamConsumer(connection, consumer, { retry, ackWaitMs, refusals }, log);
      consumers.add(running);
      running.start();
      return {
        ready: () => running.ready,
        waiting: () => running.waiting(),
        close: async () => {
          consumers.delete(running);
          await running.close();
        },
      };
    },
    deadLetters: (consumer) => jetstreamDeadLetters(connectedInTime, consumer),
    ping: () => unavailable(() => within(pingMs, "JetStream does not answer", refusals.at("JetStream", queryAccount))),
    prepare: (exchange) =>
      publishing(async () => {
        await ensureStream(await jetstreamManager(await connectedInTime(), { timeout: confirmMs }), streamOf(exchange), [`${exchange}.>`]);
      }),
    refusal: () => refusals.sentence,
    inspect: (needs) =>
      unavailable(() =>
        within(
          confirmMs,
          "JetStream does not answer",
          connectedInTime().then((nats) => inspect(nats, needs)),
        ),
      ),
    async close() {
      if (abandoned) return;
      closing.resolve();
      await Promise.all([...consumers].map((consumer) => consumer.close()));
      await closeConnection(connection);
    },
    abandon() {
      abandoned = true;
      closing.resolve();
      for (const consumer of consumers) consumer.abandon();
      void closeConnection(connection);
    },
  };
}

/** The key of JetStream's deduplication. It includes the source, because an id is unique per source only. */
const messageId = ({ source, id }: { readonly source: string; readonly id: string }): string =>
  createHash("sha256").update(`${source} ${id}`).digest("base64url");

/** Checks whether existing streams cover the subjects that the product publishes and consumes. */
async function inspect(nats: NatsConnection, { exchanges, consumers }: BrokerNeeds): Promise<readonly string[]> {
  const manager = await jetstreamManager(nats);
  const findings: string[] = [];
  for (const exchange of new Set([...exchanges, ...consumers.map((consumer) => consumer.exchange)])) {
    const [stream, wanted] = [streamOf(exchange), `${exchange}.>`];
    try {
      const { config } = await manager.streams.info(stream);
      if (!covers(config.subjects, wanted)) findings.push(subjectMismatch(stream, config.subjects, wanted));
    } catch (error) {
      if (isMissing(error)) continue;
      const refusal = refusalIn(error);
      if (refusal === undefined) throw error;
      findings.push(`the stream ${stream}: ${refusal}`);
    }
  }
  return findings;
}

/** Retries until it is closed, even if the server rejects the login: it may accept it later. */
async function connected(url: string, refusals: Refusals, closing: Promise<void>): Promise<NatsConnection> {
  let closed = false;
  void closing.then(() => {
    closed = true;
  });
  for (;;) {
    try {
      const nats = await connect({
        ...natsServer(url),
        name: "gatehouse",
        timeout: connectMs,
        maxReconnectAttempts: -1,
        reconnectTimeWait: reconnectEveryMs,
        pingInterval: pingEveryMs,
        maxPingOut: pingsWithoutAnswerMax,
        ignoreAuthErrorAbort: true,
      });
      refusals.clear("connection");
      void watch(nats, refusals);
      return nats;
    } catch (error) {
      refusals.record("connection", error);
    }
    await pauseUntil(connectEveryMs, closing);
    if (closed) throw new Error("it was closed before there was a connection");
  }
}

async function watch(nats: NatsConnection, refusals: Refusals): Promise<void> {
  for await (const status of nats.status()) {
    if (status.type === "error") refusals.record("connection", status.error);
    if (status.type === "reconnect") refusals.clear("connection");
  }
}

/** Closes the connection, without waiting for one that was never established. */
async function closeConnection(connection: Promise<NatsConnection>): Promise<void> {
  await closeInTime(connection.then((nats) => nats.close()));
}
