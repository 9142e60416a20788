import type { Channel, Connection, SyncMessage } from "rabbitmq-client";
import type { DeadLetter, DeadLetters } from "../dead-letters.ts";
import { policies } from "../resilience/policies.ts";
import { within } from "../waiting.ts";
import { cloudEventType } from "./cloud-event.ts";
import { unavailable } from "./unavailable.ts";

export const deadQueueOf = (queue: string): string => `${queue}.dead`;

/**
 * Reading the dead letters gets and requeues all of them, and RabbitMQ counts each as a delivery: from version 4 on a
 * quorum queue drops a message after twenty by default. No value for "never" is also accepted by 3.x.
 */
const deliveriesMax = 1_000_000;

/** The limit of letters in memory. For more, use RabbitMQ's own tools. */
const heldMax = 10_000;

const readMs = policies["broker.dead-letters"].timeLimitMs;
/** A channel that does not close in time ends with its connection. */
const closeMs = policies["broker.connection"].timeLimitMs;

/** A quorum queue shows requeued messages after milliseconds; the wait is at most a second. */
const visibleCheckMs = 10;
const visibleChecksMax = 100;

const declare = (channel: Channel, queue: string) =>
  channel.queueDeclare({
    queue: deadQueueOf(queue),
    durable: true,
    arguments: { "x-queue-type": "quorum", "x-delivery-limit": deliveriesMax },
  });

export function sendDeadLetter(connection: Connection, queue: string, letter: DeadLetter): Promise<void> {
  return onChannel(connection, async (channel) => {
    await channel.confirmSelect();
    await declare(channel, queue);
    await channel.basicPublish(
      { routingKey: deadQueueOf(queue), durable: true, messageId: letter.id, contentType: "application/octet-stream" },
      Buffer.from(JSON.stringify(letter)),
    );
  });
}

/** The dead letters of a queue: messages of `<queue>.dead`, each a {@link DeadLetter} as JSON with the message inside. */
export function rabbitmqDeadLetters(connection: Connection, queue: string, confirmMs: number): DeadLetters {
  const holding = <T>(work: (held: readonly Held[], channel: Channel) => Promise<T>): Promise<T> =>
    unavailable(() =>
      onChannel(connection, async (channel) => {
        await channel.confirmSelect();
        const held = await within(readMs, "RabbitMQ does not answer", takeAll(channel, queue));
        const result = await work(held, channel);
        await requeue(channel, queue, held);
        return result;
      }),
    );
  const again = async (channel: Channel, held: Held): Promise<void> => {
    const { letter } = held;
    const sent = channel.basicPublish(
      { routingKey: queue, durable: true, messageId: letter.id, contentType: cloudEventType },
      Buffer.from(letter.body),
    );
    await within(confirmMs, "RabbitMQ confirmed too late", sent);
    settle(channel, held);
  };
  return {
    list: ({ limit, after }) =>
      holding(async (held) => {
        const from = after === undefined ? 0 : held.findIndex(({ letter }) => letter.id === after) + 1;
        const items = held.slice(from, from + limit).map(({ letter }) => letter);
        return { items, next: from + limit < held.length ? (items.at(-1)?.id ?? null) : null };
      }),
    // No message is taken: those that another process is reading are not counted.
    count: () => unavailable(() => onChannel(connection, async (channel) => (await declare(channel, queue)).messageCount)),
    redrive: (id) =>
      holding(async (held, channel) => {
        const found = held.find(({ letter }) => letter.id === id);
        if (found) await again(channel, found);
        return found !== undefined;
      }),
    redriveAll: () =>
      holding(async (held, channel) => {
        for (const each of held) await again(channel, each);
        return held.length;
      }),
    drop: (id) =>
      holding(async (held, channel) => {
        const found = held.find(({ letter }) => letter.id === id);
        if (found) settle(channel, found);
        return found !== undefined;
      }),
  };
}

async function takeAll(channel: Channel, queue: string): Promise<readonly Held[]> {
  const { messageCount } = await declare(channel, queue);
  const held: Held[] = [];
  while (held.length < Math.min(messageCount, heldMax)) {
    const message = await channel.basicGet({ queue: deadQueueOf(queue) });
    if (message === undefined) break;
    held.push({ letter: JSON.parse((message.body as Buffer).toString("utf8")) as DeadLetter, message, settled: false });
  }
  return held;
}

interface Held {
  readonly letter: DeadLetter;
  readonly message: SyncMessage;
  settled: boolean;
}

function settle(channel: Channel, held: Held): void {
  channel.basicAck({ deliveryTag: held.message.deliveryTag });
  held.settled = true;
}

/** Requeues letters that were only read, and waits until they are visible again. */
async function requeue(channel: Channel, queue: string, held: readonly Held[]): Promise<void> {
  const unsettled = held.filter(({ settled }) => !settled);
  for (const { message } of unsettled) channel.basicNack({ deliveryTag: message.deliveryTag, requeue: true });
  for (let check = 0; check < visibleChecksMax; check += 1) {
    if ((await declare(channel, queue)).messageCount >= unsettled.length) return;
    await new Promise((resolve) => setTimeout(resolve, visibleCheckMs));
  }
}

/** Unacknowledged messages are requeued when the channel closes. */
async function onChannel<T>(connection: Connection, work: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await connection.acquire();
  try {
    return await work(channel);
  } finally {
    await within(closeMs, "RabbitMQ does not answer", channel.close()).catch(() => {});
  }
}
