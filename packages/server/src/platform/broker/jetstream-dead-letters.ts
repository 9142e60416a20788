import { type JetStreamManager, jetstream, jetstreamManager, type StoredMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { DeadLetter, DeadLetters } from "../dead-letters.ts";
import type { BrokerConsumerName } from "./broker.ts";
import { ensureStream, isMissing, redriveSubjectOf, streamOf, wordOf } from "./jetstream-streams.ts";
import { unavailable } from "./unavailable.ts";

const subjectOf = ({ name }: BrokerConsumerName, id: string): string => `gatehouse.dead.${streamOf(name)}.${wordOf(id)}`;

/** Ensures the stream of a consumer's dead letters: one message per id, stored until an operator decides. */
async function ensure(manager: JetStreamManager, { name }: BrokerConsumerName): Promise<string> {
  const stream = `${streamOf(name)}-dead`;
  await ensureStream(manager, stream, [`gatehouse.dead.${streamOf(name)}.*`], { max_age: 0, max_msgs_per_subject: 1 });
  return stream;
}

export async function storeDeadLetter(nats: NatsConnection, consumer: BrokerConsumerName, letter: DeadLetter): Promise<void> {
  await ensure(await jetstreamManager(nats), consumer);
  await jetstream(nats).publish(subjectOf(consumer, letter.id), JSON.stringify(letter));
}

export function jetstreamDeadLetters(connected: () => Promise<NatsConnection>, consumer: BrokerConsumerName): DeadLetters {
  const within = <T>(work: (stream: string, manager: JetStreamManager, nats: NatsConnection) => Promise<T>): Promise<T> =>
    unavailable(async () => {
      const nats = await connected();
      const manager = await jetstreamManager(nats);
      return work(await ensure(manager, consumer), manager, nats);
    });
  const again = async (stream: string, manager: JetStreamManager, nats: NatsConnection, { seq, data }: StoredMsg): Promise<void> => {
    const letter = letterOf(data);
    await jetstream(nats).publish(`${redriveSubjectOf(consumer.exchange, consumer.name)}.${letter.topic}`, letter.body);
    await manager.streams.deleteMessage(stream, seq);
  };
  const find = (stream: string, manager: JetStreamManager, id: string): Promise<StoredMsg | undefined> =>
    messageOf(manager, stream, { last_by_subj: subjectOf(consumer, id) });
  return {
    list: ({ limit, after }) =>
      within(async (stream, manager) => {
        const found = await following(manager, stream, Number(after ?? 0) + 1, limit + 1);
        const page = found.slice(0, limit);
        return { items: page.map(({ data }) => letterOf(data)), next: found.length > limit ? String(page.at(-1)?.seq) : null };
      }),
    count: () => within(async (stream, manager) => (await manager.streams.info(stream)).state.messages),
    redrive: (id) =>
      within(async (stream, manager, nats) => {
        const found = await find(stream, manager, id);
        if (found) await again(stream, manager, nats, found);
        return found !== undefined;
      }),
    redriveAll: () =>
      within(async (stream, manager, nats) => {
        const { state } = await manager.streams.info(stream);
        const found = (await following(manager, stream, state.first_seq, state.messages)).filter(({ seq }) => seq <= state.last_seq);
        for (const message of found) await again(stream, manager, nats, message);
        return found.length;
      }),
    drop: (id) =>
      within(async (stream, manager) => {
        const found = await find(stream, manager, id);
        if (found) await manager.streams.deleteMessage(stream, found.seq);
        return found !== undefined;
      }),
  };
}

const letterOf = (data: Uint8Array): DeadLetter => JSON.parse(Buffer.from(data).toString("utf8")) as DeadLetter;

async function following(manager: JetStreamManager, stream: string, from: number, limit: number): Promise<readonly StoredMsg[]> {
  const found: StoredMsg[] = [];
  let seq = from;
  while (found.length < limit) {
    const message = await messageOf(manager, stream, { seq, next_by_subj: ">" });
    if (message === undefined) break;
    found.push(message);
    seq = message.seq + 1;
  }
  return found;
}

/** The client's type lacks the server's `next_by_subj` (NATS 2.9, STREAM.MSG.GET). */
async function messageOf(manager: JetStreamManager, stream: string, request: object): Promise<StoredMsg | undefined> {
  try {
    return (await manager.streams.getMessage(stream, request as { seq: number })) ?? undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
