import type { Channel, Connection } from "rabbitmq-client";
import { within } from "../waiting.ts";
import type { BrokerNeeds } from "./broker.ts";
import { refusalIn } from "./refusals.ts";

/** Declarations of exchanges and consumers' queues. RabbitMQ rejects one that exists with another declaration. */
export const exchangeOf = (exchange: string) => ({ exchange, type: "topic", durable: true }) as const;
export const queueOptions = { durable: true, arguments: { "x-queue-type": "quorum", "x-single-active-consumer": true } } as const;

/**
 * Declares existing exchanges and queues, which changes nothing, and is rejected if they have another declaration or may not be used. Missing
 * ones are not created: a start does that.
 */
export async function inspectRabbitmq(
  connection: Connection,
  { exchanges, consumers }: BrokerNeeds,
  ms: number,
): Promise<readonly string[]> {
  const findings: string[] = [];
  const check = async (what: string, query: (channel: Channel) => Promise<unknown>, declare: (channel: Channel) => Promise<unknown>) => {
    if (!(await declared(connection, query, ms))) return;
    try {
      await onChannel(connection, declare, ms);
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal === undefined) throw error;
      findings.push(`${what}: ${refusal}`);
    }
  };
  for (const exchange of new Set([...exchanges, ...consumers.map((consumer) => consumer.exchange)])) {
    await check(
      `the exchange ${exchange}`,
      (channel) => channel.exchangeDeclare({ exchange, passive: true }),
      (channel) => channel.exchangeDeclare({ ...exchangeOf(exchange) }),
    );
  }
  for (const { name: queue } of consumers) {
    await check(
      `the queue ${queue}`,
      (channel) => channel.queueDeclare({ queue, passive: true }),
      (channel) => channel.queueDeclare({ queue, ...queueOptions }),
    );
  }
  return findings;
}

async function declared(connection: Connection, query: (channel: Channel) => Promise<unknown>, ms: number): Promise<boolean> {
  try {
    await onChannel(connection, query, ms);
    return true;
  } catch (error) {
    if ((error as { readonly code?: string }).code === "NOT_FOUND") return false;
    throw error;
  }
}

/** Uses one channel per call, because an error closes it. */
function onChannel(connection: Connection, work: (channel: Channel) => Promise<unknown>, ms: number): Promise<void> {
  const worked = connection.acquire().then(async (channel) => {
    try {
      await work(channel);
    } finally {
      void channel.close().catch(() => {});
    }
  });
  return within(ms, "RabbitMQ does not answer", worked);
}
