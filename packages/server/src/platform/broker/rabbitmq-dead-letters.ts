import type { Channel, Connection, SyncMessage } from "rabbitmq-client";
import type { DeadLetter, DeadLetters } from "../dead-letters.ts";
import { policies } from "../resilience/policies.ts";
import { within } from "../waiting.ts";
import { cloudEventType } from "./cloud-event.ts";
import { unavailable } from "./unavailable.ts";

export const deadQueueOf = (queue: string): string => `${queue}.dead`;

/**
 * A look at the dead letters takes and gives back all of them, and RabbitMQ counts that as a delivery: from version 4 on a
 * quorum queue drops a message after twenty unless it is told another number. There is none for "never" that 3.x takes, too.
 */
const looksMax = 1_000_000;

/** Held in memory while they are looked at. More than this need a person with RabbitMQ's own tools. */
const heldMax = 10_000;

const lookMs = policies["broker.dead-letters"].timeLimitMs;
/** A channel that is not closed in time is left to the connection's end. */
const closeMs = policies["broker.connection"].timeLimitMs;

/** A quorum queue shows what was given back once its log has it: milliseconds later, and not waited for longer than a second. */
const visibleLookMs = 10;
const visibleLooksMax = 100;

const declare = (channel: Channel, queue: string) =>
  channel.queueDeclare({
    queue: deadQueueOf(queue),
    durable: true,
    arguments: { "x-queue-type": "quorum", "x-delivery-limit": looksMax },
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
        const held = await within(lookMs, "RabbitMQ does not answer", takeAll(channel, queue));
        const result = await work(held, channel);
        await giveBack(channel, queue, held);
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
    // Nothing is taken: what another looks at in this moment is not among them.
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

/** Puts back what was only looked at, and waits until the next look can see it. */
async function giveBack(channel: Channel, queue: string, held: readonly Held[]): Promise<void> {
  const kept = held.filter(({ settled }) => !settled);
  for (const { message } of kept) channel.basicNack({ deliveryTag: message.deliveryTag, requeue: true });
  for (let look = 0; look < visibleLooksMax; look += 1) {
    if ((await declare(channel, queue)).messageCount >= kept.length) return;
    await new Promise((resolve) => setTimeout(resolve, visibleLookMs));
  }
}

/** What is held and not acknowledged goes back to its place when the channel closes. */
async function onChannel<T>(connection: Connection, work: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await connection.acquire();
  try {
    return await work(channel);
  } finally {
    await within(closeMs, "RabbitMQ does not answer", channel.close()).catch(() => {});
  }
}
