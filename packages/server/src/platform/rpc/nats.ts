import { connect, createInbox, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { EventLoopStall } from "../event-loop-stall.ts";
import type { Distrust } from "../keys/authenticator.ts";
import { natsServer } from "../nats/address.ts";
import { policies, signs } from "../resilience/policies.ts";
import { OutcomeUnknown, Unavailable } from "../unavailable.ts";
import { within } from "../waiting.ts";
import type { EncryptedMessages, MessageKind } from "./encrypted-messages.ts";
import { NoResponders } from "./errors.ts";
import { type Incoming, NatsMessages } from "./nats-messages.ts";
import { Pending, type TimeoutKind } from "./pending.ts";
import type { Handler, Reply, Rpc } from "./rpc.ts";
import { requestedSilence, signAddress, Waiter } from "./signs.ts";

const { timeLimitMs: connectWithinMs, retries } = policies["nats.connection"];
/** A connection that leaves this many pings unanswered is replaced. */
const pingEveryMs = 2_000;
const pingsWithoutAnswerMax = 2;

export interface NatsOptions {
  /** The connection's name, shown to the server's operators. */
  readonly name: string;
  /** The first word of every subject, so that two installations can share one NATS. */
  readonly prefix: string;
  /** How long a serving process may stay silent; by default as in the policies. */
  readonly silenceMs?: number;
  readonly messages: EncryptedMessages;
  /** Called for each message that no process of this installation has sent. */
  distrusted(kind: MessageKind, why: Distrust): void;
}

/**
 * Requests over NATS: queue groups balance them, and "no responders" reports at once that no process serves. Messages between
 * processes of the installation are encrypted and authenticated (decision 0041). Of other messages, only
 * requests are accepted, flagged as not authentic.
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
  /** Subscribes on the first request, so that a process that only answers needs no permission for it. */
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
        if (error === unserved) throw new NoResponders(subject);
        if (error !== "time" && error !== "silence") throw new Unavailable("NATS", error);
        throw new OutcomeUnknown(`service behind ${subject}`, new Error(timeoutMessages[error as TimeoutKind]), "timeout");
      }
    },
    async serve(subject, group, handler) {
      const running = new Set<Promise<void>>();
      const waiters = new Set<Waiter>();
      const heart = setInterval(() => {
        for (const waiter of waiters) waiter.sign();
      }, signs.everyMs);
      heart.unref();
      const subscription = connection.subscribe(full(subject), {
        queue: group,
        callback: (error, message) => {
          if (error) return logger.warn({ err: error, subject }, "a subscription reported an error");
          const received = messages.receive(message);
          if (received === undefined) return;
          const silence = requestedSilence(message.reply);
          const waiter = silence === undefined ? undefined : new Waiter(silence, stall.arrivedAt, () => received.sign());
          if (waiter) waiters.add(waiter);
          const { body, isAuthentic } = received;
          const request = { subject: message.subject.slice(options.prefix.length + 1), body, isAuthentic };
          const answered = answer(received.answer, { ...request, isAwaited: () => waiter?.isWaiting ?? true }, handler, logger).finally(
            () => {
              running.delete(answered);
              if (waiter) waiters.delete(waiter);
            },
          );
          running.add(answered);
        },
      });
      // The server knows the subscription when this returns, so a process that starts next finds it.
      await within(connectWithinMs, "NATS does not answer", connection.flush());
      return {
        async drain() {
          if (!connection.isClosed()) await within(connectWithinMs, "NATS does not answer", subscription.drain()).catch(() => {});
          await Promise.all(running);
          clearInterval(heart);
        },
      };
    },
    notify(subject) {
      if (connected) connection.publish(full(subject), messages.notification(full(subject)));
    },
    async listen(subject, listener) {
      connection.subscribe(full(subject), {
        callback: (error, message) => (error || !messages.isNotification(message) ? undefined : listener()),
      });
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

async function watch(connection: NatsConnection, logger: Logger, onChange: (connected: boolean) => void): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect") {
      onChange(false);
      logger.warn("the connection to NATS is lost");
    }
    if (status.type === "reconnect") {
      onChange(true);
      logger.info("connected to NATS again");
    }
    if (status.type === "error") logger.warn({ err: status.error }, "NATS reported an error");
    if (status.type === "close") onChange(false);
  }
}

const timeoutMessages: Readonly<Record<TimeoutKind, string>> = {
  time: "no answer in time",
  silence: "the serving process is silent: it ended or is blocked",
};

/** The server's "no responders" status. */
const unserved = Symbol("no responders");

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
    // No error can be sent: the requester runs into its time limit.
    logger.error({ err: error, subject }, "a request could not be answered");
  }
}
