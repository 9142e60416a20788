import type { Channel, Connection } from "rabbitmq-client";
import { within } from "../waiting.ts";
import type { BrokerNeeds } from "./broker.ts";
import { refusalIn } from "./refusals.ts";

/** How exchanges and consumers' queues are declared. RabbitMQ refuses one that is there and was declared otherwise. */
export const exchangeOf = (exchange: string) => ({ exchange, type: "topic", durable: true }) as const;
export const queueOptions = { durable: true, arguments: { "x-queue-type": "quorum", "x-single-active-consumer": true } } as const;

/**
 * Declares what is there already, which changes nothing and is refused where it was made otherwise or may not be used. What is not there
 * is only asked for: a start makes it.
 */
export async function inspectRabbitmq(
  connection: Connection,
  { exchanges, consumers }: BrokerNeeds,
  ms: number,
): Promise<readonly string[]> {
  const findings: string[] = [];
  const look = async (what: string, ask: (channel: Channel) => Promise<unknown>, declare: (channel: Channel) => Promise<unknown>) => {
    if (!(await declared(connection, ask, ms))) return;
    try {
      await onChannel(connection, declare, ms);
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal === undefined) throw error;
      findings.push(`${what}: ${refusal}`);
    }
  };
  for (const exchange of new Set([...exchanges, ...consumers.map((consumer) => consumer.exchange)])) {
    await look(
      `the exchange ${exchange}`,
      (channel) => channel.exchangeDeclare({ exchange, passive: true }),
      (channel) => channel.exchangeDeclare({ ...exchangeOf(exchange) }),
    );
  }
  for (const { name: queue } of consumers) {
    await look(
      `the queue ${queue}`,
      (channel) => channel.queueDeclare({ queue, passive: true }),
      (channel) => channel.queueDeclare({ queue, ...queueOptions }),
    );
  }
  return findings;
}

async function declared(connection: Connection, ask: (channel: Channel) => Promise<unknown>, ms: number): Promise<boolean> {
  try {
    await onChannel(connection, ask, ms);
    return true;
  } catch (error) {
    if ((error as { readonly code?: string }).code === "NOT_FOUND") return false;
    throw error;
  }
}

/** One channel a question: a refusal closes it. */
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
