import { createHash } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { natsServer } from "../nats/address.ts";
import { policies } from "../resilience/policies.ts";
import { pauseUntil, within } from "../waiting.ts";
import type { Broker, BrokerMessage, BrokerNeeds } from "./broker.ts";
import { topicOf } from "./cloud-event.ts";
import { goodbye } from "./goodbye.ts";
import { JetStreamConsumer } from "./jetstream-consumer.ts";
import { jetstreamDeadLetters } from "./jetstream-dead-letters.ts";
import { ensureStream, isMissing, keeps, keepsNot, streamOf } from "./jetstream-streams.ts";
import { defaultRetry, type RetryPolicy } from "./keyed-work.ts";
import { Refusals, refusalIn } from "./refusals.ts";
import { unavailable } from "./unavailable.ts";

export interface JetStreamOptions {
  readonly retry?: RetryPolicy;
  readonly confirmMs?: number;
  /** How long a process that says nothing keeps what it was handed, and its place as the one that is handed messages. */
  readonly ackWaitMs?: number;
}

const confirmMsDefault = policies["broker.publish"].timeLimitMs;
/** Longer than a pause of the garbage collector or a busy disk; the process says three times in it that it still works. */
const ackWaitMsDefault = 10_000;
const { timeLimitMs: connectMs, retries } = policies["nats.connection"];
const { firstPauseMs: reconnectEveryMs, longestPauseMs: connectEveryMs } = retries;
/** As for requests over NATS: a connection that hangs is given up after two pings without an answer. */
const pingEveryMs = 2_000;
const pingsWithoutAnswerMax = 2;
/** How long the answer to a ping is waited for. */
const askMs = policies["broker.connection"].timeLimitMs;

/**
 * NATS JetStream: a stream for each exchange (`iam.events` is `iam-events`, with the subjects `iam.events.>`), a durable pull
 * consumer for each consumer, of which one process at a time is handed messages, so that the order of a subject holds.
 */
export function jetstreamBroker(url: string, logger: Logger, options: JetStreamOptions = {}): Broker {
  const { retry = defaultRetry, confirmMs = confirmMsDefault, ackWaitMs = ackWaitMsDefault } = options;
  const log = logger.child({ module: "broker" });
  const refusals = new Refusals("NATS JetStream", log);
  const closing = Promise.withResolvers<void>();
  const connection = connected(url, refusals, closing.promise);
  connection.catch(() => {});
  const reach = (): Promise<NatsConnection> => within(confirmMs, "NATS does not answer", connection);
  const consumers = new Set<JetStreamConsumer>();
  const known = new Set<string>();
  let abandoned = false;

  const send = async (messages: readonly BrokerMessage[]): Promise<void> => {
    const nats = await reach();
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
  /** JetStream itself is asked: a server may answer a ping and have none. */
  const ask = async (): Promise<void> => {
    await (await jetstreamManager(await reach(), { timeout: askMs, checkAPI: false })).getAccountInfo();
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
    deadLetters: (consumer) => jetstreamDeadLetters(reach, consumer),
    ping: () => unavailable(() => within(askMs, "JetStream does not answer", refusals.at("JetStream", ask))),
    prepare: (exchange) =>
      publishing(async () => {
        await ensureStream(await jetstreamManager(await reach(), { timeout: confirmMs }), streamOf(exchange), [`${exchange}.>`]);
      }),
    refusal: () => refusals.sentence,
    inspect: (needs) =>
      unavailable(() =>
        within(
          confirmMs,
          "JetStream does not answer",
          reach().then((nats) => inspect(nats, needs)),
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

/** JetStream tells repetitions by this within the stream's window: the id alone is one source's. */
const messageId = ({ source, id }: { readonly source: string; readonly id: string }): string =>
  createHash("sha256").update(`${source} ${id}`).digest("base64url");

/** Says of the streams that are there whether they keep what the product publishes and reads. */
async function inspect(nats: NatsConnection, { exchanges, consumers }: BrokerNeeds): Promise<readonly string[]> {
  const manager = await jetstreamManager(nats);
  const findings: string[] = [];
  for (const exchange of new Set([...exchanges, ...consumers.map((consumer) => consumer.exchange)])) {
    const [stream, wanted] = [streamOf(exchange), `${exchange}.>`];
    try {
      const { config } = await manager.streams.info(stream);
      if (!keeps(config.subjects, wanted)) findings.push(keepsNot(stream, config.subjects, wanted));
    } catch (error) {
      if (isMissing(error)) continue;
      const refusal = refusalIn(error);
      if (refusal === undefined) throw error;
      findings.push(`the stream ${stream}: ${refusal}`);
    }
  }
  return findings;
}

/** Tries until it is closed, also where the server refuses the login: it may let it in later. */
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
      refusals.note("connection", error);
    }
    await pauseUntil(connectEveryMs, closing);
    if (closed) throw new Error("it was closed before there was a connection");
  }
}

async function watch(nats: NatsConnection, refusals: Refusals): Promise<void> {
  for await (const status of nats.status()) {
    if (status.type === "error") refusals.note("connection", status.error);
    if (status.type === "reconnect") refusals.clear("connection");
  }
}

/** One that was never made is not waited for. */
async function closeConnection(connection: Promise<NatsConnection>): Promise<void> {
  await goodbye(connection.then((nats) => nats.close()));
}
