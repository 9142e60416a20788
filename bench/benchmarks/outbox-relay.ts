import { randomBytes } from "node:crypto";
import type { Connection } from "rabbitmq-client";
import { fillOutbox, type Message } from "../in-process/outbox.ts";
import type { Bench, Benchmark, Measured } from "../lib/benchmark.ts";
import { inTurn } from "../lib/in-turn.ts";
import { freshDatabase } from "../lib/postgres.ts";
import { connectRabbitmq, drain, exchangeWithQueue, rabbitmqUrl } from "../lib/rabbitmq.ts";

/** Seconds of work for either side, with enough batches that the first one does not matter. */
const eventCount = 10_000;
const subjectCount = 200;
/** The number of events that the relay has in flight. */
const inFlight = 500;

export const outboxRelay: Benchmark = {
  name: "outbox-relay",
  compares: `${eventCount.toLocaleString("en-US")} events from the outbox to RabbitMQ with confirms, against a bare publisher with confirms of the same bytes, ${inFlight} in flight`,
  unit: "events/s",
  target: 0.5,
  direction: "atLeast",
  requirement: "200 events per second",
  run: againstBarePublisher,
};

async function againstBarePublisher(bench: Bench): Promise<Measured> {
  const connection = await connectRabbitmq(bench.scope);
  const name = `bench-${randomBytes(6).toString("hex")}`;
  const [ours, reference] = [`${name}.relay`, `${name}.bare`];
  for (const exchange of [ours, reference]) await exchangeWithQueue(bench.scope, connection, exchange);
  bench.say(`writing ${eventCount} events`);
  const outbox = await fillOutbox(await freshDatabase(bench.scope), rabbitmqUrl, eventCount, subjectCount);
  bench.scope.defer(() => outbox.close());
  const bodies = outbox.messages.map((message) => JSON.stringify(message));
  const measured = (exchange: string, publish: () => Promise<number>) => async () => {
    const seconds = await publish();
    expectAll(outbox.messages, bodies, await drain(connection, exchange, eventCount));
    return eventCount / seconds;
  };
  return inTurn(
    bench,
    "events/s",
    measured(ours, () => outbox.relayAll(ours)),
    measured(reference, () => publishAll(connection, reference, outbox.messages, bodies)),
  );
}

/** Seconds until all are confirmed on one channel, with a new one sent for each confirm. */
async function publishAll(
  connection: Connection,
  exchange: string,
  messages: readonly Message[],
  bodies: readonly string[],
): Promise<number> {
  const buffers = bodies.map((body) => Buffer.from(body));
  const beganAt = performance.now();
  const channel = await connection.acquire();
  await channel.confirmSelect();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < messages.length; index = next++) {
      const { id, type } = messages[index] as Message;
      const routingKey = type.replace(/\.v\d+$/, "");
      await channel.basicPublish(
        { exchange, routingKey, durable: true, messageId: id, type, contentType: "application/cloudevents+json" },
        buffers[index] as Buffer,
      );
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const seconds = (performance.now() - beganAt) / 1_000;
  await channel.close();
  return seconds;
}

/** Requires all of them byte for byte, and those of one subject in order. */
function expectAll(messages: readonly Message[], bodies: readonly string[], arrived: readonly string[]): void {
  const bySubject = new Map<string, string[]>();
  for (const [index, { subject }] of messages.entries()) {
    const wanted = bySubject.get(subject);
    if (wanted) wanted.push(bodies[index] as string);
    else bySubject.set(subject, [bodies[index] as string]);
  }
  for (const body of arrived) {
    const { subject } = JSON.parse(body) as Message;
    const wanted = bySubject.get(subject)?.shift();
    if (wanted !== body) throw new Error(`of ${subject} ${body} arrived; next is ${wanted}`);
  }
  if ([...bySubject.values()].some((rest) => rest.length > 0)) throw new Error("some events did not arrive");
}
