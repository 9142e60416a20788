import { createHash } from "node:crypto";
import { DiscardPolicy, type JetStreamManager, type StreamConfig } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";

const second = 1_000;
const day = 86_400 * second;
/** As long as the other adapters keep messages. */
const keptMs = 7 * day;
/** A relay that was cut off publishes again within seconds; a longer window costs memory for each message in it. */
const repetitionsMs = 120 * second;

/** Names of streams and consumers have no dots. */
export const streamOf = (name: string): string => name.replaceAll(".", "-");

/** A word of a subject that stands for any text. */
export const wordOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Where a dead letter goes that is handed to its consumer again: into the stream, for this consumer's eyes alone. */
export const againOf = (exchange: string, consumer: string): string => `${exchange}._again.${streamOf(consumer)}`;

/** Makes a stream where there is none. One that an operator has made otherwise (replicas, limits) stays as it is. */
export async function ensureStream(
  manager: JetStreamManager,
  name: string,
  subjects: readonly string[],
  config: Partial<StreamConfig> = {},
): Promise<void> {
  try {
    await manager.streams.info(name);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await manager.streams
      .add({
        name,
        subjects: [...subjects],
        max_age: nanos(keptMs),
        duplicate_window: nanos(repetitionsMs),
        discard: DiscardPolicy.Old,
        ...config,
      })
      .catch(async (failure) => {
        // Another process may have made it in this moment.
        await manager.streams.info(name).catch(() => {
          throw failure;
        });
      });
  }
}

export const isMissing = (error: unknown): boolean => {
  const { code, message } = error as { readonly code?: number; readonly message?: string };
  return code === 404 || code === 10_059 || code === 10_037 || /not found/i.test(message ?? "");
};
