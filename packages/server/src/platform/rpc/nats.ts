import { connect, createInbox, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { EventLoopStall } from "../event-loop-stall.ts";
import type { Distrust } from "../keys/authenticator.ts";
import { natsServer } from "../nats/address.ts";
import { policies, signs } from "../resilience/policies.ts";
import { OutcomeUnknown, Unavailable } from "../unavailable.ts";
import { within } from "../waiting.ts";
import type { EncryptedMessages, MessageKind } from "./encrypted-messages.ts";
import { NobodyServes } from "./errors.ts";
import { type Incoming, NatsMessages } from "./nats-messages.ts";
import { type GivenUp, Pending } from "./pending.ts";
import type { Handler, Reply, Rpc } from "./rpc.ts";
import { Awaited, signAddress, wishedSilence } from "./signs.ts";

const { timeLimitMs: connectWithinMs, retries } = policies["nats.connection"];
/** Pings that stay without an answer: a connection that hangs is given up after so long and another one is made. */
const pingEveryMs = 2_000;
const pingsWithoutAnswerMax = 2;

export interface NatsOptions {
  /** What the server's operators see of this connection. */
  readonly name: string;
  /** The first word of every subject: two installations on one NATS do not hear each other. */
  readonly prefix: string;
  /** How long a process that serves may say nothing; as the table has it when absent. */
  readonly silenceMs?: number;
  readonly messages: EncryptedMessages;
  /** Told of each message that is not what a process of this installation has sent. */
  distrusted(kind: MessageKind, why: Distrust): void;
}

/**
 * Requests over NATS: queue groups share them out, and "no responders" tells at once that nobody serves. Everything between processes of
 * the installation is encrypted and authenticated (decision 0041); what is not, is a request that is not authentic, or is not heard at all.
 */
export async function natsRpc(url: string, logger: Logger, options: NatsOptions): Promise<Rpc> {
  const connection = await open(url, options.name);
  const full = (subject: string): string => `${options.prefix}.${subject}`;
  const messages = new NatsMessages(options);
  let connected = true;
  void watch(connection, logger, (now) => {
    connected = now;
  });
  const away = () => new Unavailable("NATS", new Error("the connection is lost"));
  const { silenceMs = signs.silenceMs } = options;
  const pending = new Pending<Reply>();
  const inbox = signAddress(createInbox(), silenceMs);
  let hasInbox = false;
  /** Subscribed to by a process that asks, so that one that only answers needs no right to it. */
  const openInbox = (): void => {
    if (hasInbox) return;
    hasInbox = true;
    connection.subscribe(`${inbox}.*`, { callback: (error, message) => (error ? undefined : receive(messages.read(message), pending)) });
  };
  const stall = new EventLoopStall();
  return {
    async request(subject, body, { timeoutMs }) {
      if (!connected) throw away();
      const { number, answer } = pending.add(timeoutMs, silenceMs);
      try {
        openInbox();
        const reply = `${inbox}.${number}`;
        connection.publish(full(subject), messages.request(full(subject), reply, body), { reply });
      } catch (error) {
        pending.settle(number, { error });
      }
      try {
        return await answer;
      } catch (error) {
        if (error === unserved) throw new NobodyServes(subject);
        if (error !== "time" && error !== "silence") throw new Unavailable("NATS", error);
        throw new OutcomeUnknown(`service behind ${subject}`, new Error(givenUp[error as GivenUp]), "timeout");
      }
    },
    async serve(subject, group, handler) {
      const running = new Set<Promise<void>>();
      const awaited = new Set<Awaited>();
      const heart = setInterval(() => {
        for (const each of awaited) each.sign();
      }, signs.everyMs);
      heart.unref();
      const subscription = connection.subscribe(full(subject), {
        queue: group,
        callback: (error, message) => {
          if (error) return logger.warn({ err: error, subject }, "a subscription reported an error");
          const taken = messages.take(message);
          if (taken === undefined) return;
          const wish = wishedSilence(message.reply);
          const waiting = wish === undefined ? undefined : new Awaited(wish, stall.arrivedAt, () => taken.sign());
          if (waiting) awaited.add(waiting);
          const { body, isAuthentic } = taken;
          const request = { subject: message.subject.slice(options.prefix.length + 1), body, isAuthentic };
          const answered = answer(taken.answer, { ...request, isAwaited: () => waiting?.still ?? true }, handler, logger).finally(() => {
            running.delete(answered);
            if (waiting) awaited.delete(waiting);
          });
          running.add(answered);
        },
      });
      // The server knows of the subscription when this returns, so whoever starts next finds it.
      await within(connectWithinMs, "NATS does not answer", connection.flush());
      return {
        async drain() {
          if (!connection.isClosed()) await within(connectWithinMs, "NATS does not answer", subscription.drain()).catch(() => {});
          await Promise.all(running);
          clearInterval(heart);
        },
      };
    },
    tell(subject) {
      if (connected) connection.publish(full(subject), messages.tell(full(subject)));
    },
    async listen(subject, listener) {
      connection.subscribe(full(subject), { callback: (error, message) => (error || !messages.isTold(message) ? undefined : listener()) });
      await within(connectWithinMs, "NATS does not answer", connection.flush());
    },
    async ping() {
      if (!connected) throw away();
      await within(pingEveryMs, "NATS does not answer", connection.rtt());
    },
    async close() {
      stall.close();
      if (!connection.isClosed()) await within(connectWithinMs, "NATS does not answer", connection.drain()).catch(() => connection.close());
    },
  };
}

async function open(url: string, name: string): Promise<NatsConnection> {
  try {
    return await connect({
      ...natsServer(url),
      name,
      timeout: connectWithinMs,
      maxReconnectAttempts: -1,
      reconnectTimeWait: retries.firstPauseMs,
      reconnectJitter: retries.longestPauseMs - retries.firstPauseMs,
      pingInterval: pingEveryMs,
      maxPingOut: pingsWithoutAnswerMax,
      ignoreAuthErrorAbort: true,
    });
  } catch (error) {
    throw new Unavailable("NATS", error);
  }
}

async function watch(connection: NatsConnection, logger: Logger, tell: (connected: boolean) => void): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect") {
      tell(false);
      logger.warn("the connection to NATS is lost");
    }
    if (status.type === "reconnect") {
      tell(true);
      logger.info("connected to NATS again");
    }
    if (status.type === "error") logger.warn({ err: status.error }, "NATS reported an error");
    if (status.type === "close") tell(false);
  }
}

const givenUp: Readonly<Record<GivenUp, string>> = {
  time: "no answer in time",
  silence: "the process that was asked says nothing: it ended, or stands still",
};

/** Stands for the server's word that nobody serves a subject. */
const unserved = Symbol("nobody serves");

function receive(incoming: Incoming, pending: Pending<Reply>): void {
  if (incoming.what === "sign") pending.sign(incoming.number);
  else if (incoming.what === "unserved") pending.settle(incoming.number, { error: unserved });
  else if (incoming.what === "reply") pending.settle(incoming.number, { answer: incoming.reply });
}

async function answer(send: (reply: Reply) => void, request: Parameters<Handler>[0], handler: Handler, logger: Logger): Promise<void> {
  const { subject } = request;
  try {
    send(await handler(request));
  } catch (error) {
    // Nobody can be told: the asking side runs into its time limit.
    logger.error({ err: error, subject }, "a request could not be answered");
  }
}
