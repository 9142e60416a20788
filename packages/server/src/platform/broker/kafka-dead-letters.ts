import { Consumer } from "@platformatic/kafka";
import type { DeadLetter, DeadLetters } from "../dead-letters.ts";
import { cloudEventType } from "./cloud-event.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { deadTopicOf, type KafkaRecord, type KafkaTopics, type Produce, redriveTopicOf } from "./kafka-topics.ts";
import { unavailable } from "./unavailable.ts";

/** The value of a tombstone. */
const nothing = "";

export const deadLetterRecord = (consumer: string, letter: DeadLetter): KafkaRecord => ({
  topic: deadTopicOf(consumer),
  key: letter.id,
  value: JSON.stringify(letter),
});

const tombstone = (consumer: string, id: string): KafkaRecord => ({ topic: deadTopicOf(consumer), key: id, value: nothing });

interface Dependencies {
  readonly connection: KafkaConnection;
  readonly topics: KafkaTopics;
  readonly produce: Produce;
}

/** The dead letters of a consumer: the last value of each id in its compacted topic; an empty one is a tombstone. */
export function kafkaDeadLetters({ connection, topics, produce }: Dependencies, consumer: string): DeadLetters {
  const all = (): Promise<readonly DeadLetter[]> =>
    unavailable(async () => {
      await topics.ensure([deadTopicOf(consumer)], [{ name: "cleanup.policy", value: "compact" }]);
      const letters = await latestOf(connection, deadTopicOf(consumer));
      return letters.toSorted((one, other) => (one.failedAt + one.id < other.failedAt + other.id ? -1 : 1));
    });
  const again = (letter: DeadLetter): Promise<void> =>
    unavailable(async () => {
      await topics.ensure([redriveTopicOf(consumer)]);
      const headers = { "content-type": cloudEventType };
      await produce([{ topic: redriveTopicOf(consumer), key: letter.id, value: letter.body, headers }]);
      await produce([tombstone(consumer, letter.id)]);
    });
  const find = async (id: string): Promise<DeadLetter | undefined> => (await all()).find((letter) => letter.id === id);
  return {
    async list({ limit, after }) {
      const letters = await all();
      const from = after === undefined ? 0 : letters.findIndex(({ id }) => id === after) + 1;
      const items = letters.slice(from, from + limit);
      return { items, next: from + limit < letters.length ? (items.at(-1)?.id ?? null) : null };
    },
    count: async () => (await all()).length,
    async redrive(id) {
      const letter = await find(id);
      if (letter) await again(letter);
      return letter !== undefined;
    },
    async redriveAll() {
      const letters = await all();
      for (const letter of letters) await again(letter);
      return letters.length;
    },
    async drop(id) {
      const letter = await find(id);
      if (letter) await unavailable(() => produce([tombstone(consumer, id)]));
      return letter !== undefined;
    },
  };
}

/** Size limit of one fetch; a dead letter is rarely larger than a few kilobytes. */
const fetchBytesMax = 8_388_608;

/** Reads a topic from its beginning to its end at the call, without joining a group, which would take seconds. */
async function latestOf(connection: KafkaConnection, topic: string): Promise<readonly DeadLetter[]> {
  const reader = new Consumer({ ...connection, groupId: `${topic}.reader`, autocommit: false });
  try {
    const metadata = await reader.metadata({ topics: [topic] });
    const found = metadata.topics.get(topic);
    if (found === undefined) return [];
    const ends = (await reader.listOffsets({ topics: [topic], timestamp: -1n })).get(topic) ?? [];
    const starts = (await reader.listOffsets({ topics: [topic], timestamp: -2n })).get(topic) ?? [];
    const latest = new Map<string, string>();
    for (const [partition, end] of ends.entries()) {
      for (let offset = starts[partition] ?? 0n; offset < end; ) {
        const { leader } = found.partitions[partition] as { leader: number };
        const wanted = { partition, currentLeaderEpoch: -1, fetchOffset: offset, lastFetchedEpoch: -1, partitionMaxBytes: fetchBytesMax };
        const { responses } = await reader.fetch({ node: leader, topics: [{ topicId: found.id, partitions: [wanted] }], maxWaitTime: 100 });
        const batches = responses[0]?.partitions[0]?.records ?? [];
        // Compaction may leave no record before the end.
        if (batches.length === 0) break;
        for (const batch of batches) {
          for (const { key, value } of batch.records) apply(latest, String(key), value === null ? nothing : value.toString("utf8"));
          offset = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
        }
      }
    }
    return [...latest.values()].map((value) => JSON.parse(value) as DeadLetter);
  } finally {
    await reader.close(true);
  }
}

function apply(latest: Map<string, string>, id: string, value: string): void {
  if (value === nothing) latest.delete(id);
  else latest.set(id, value);
}
