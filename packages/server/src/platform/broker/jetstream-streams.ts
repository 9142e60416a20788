import { createHash } from "node:crypto";
import { DiscardPolicy, type JetStreamManager, type StreamConfig } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { Refused } from "./refusals.ts";

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

/** Whether a stream with these subjects keeps all of `wanted`, a subject that ends in `>` or `*`: by that one, or by a wider one. */
export function keeps(subjects: readonly string[] | undefined, wanted: string): boolean {
  const prefix = wanted.slice(0, -1);
  return (subjects ?? []).some((subject) => subject === wanted || (subject.endsWith(">") && prefix.startsWith(subject.slice(0, -1))));
}

export const keepsNot = (stream: string, subjects: readonly string[] | undefined, wanted: string): string =>
  `the stream ${stream} keeps ${(subjects ?? []).join(", ") || "nothing"}, and not ${wanted}`;

/**
 * Makes a stream where there is none. One that an operator has made otherwise (replicas, limits) stays as it is; one that does not keep
 * the subjects is {@link Refused}.
 */
export async function ensureStream(
  manager: JetStreamManager,
  name: string,
  subjects: readonly string[],
  config: Partial<StreamConfig> = {},
): Promise<void> {
  const kept = subjects[0] as string;
  try {
    const { config: found } = await manager.streams.info(name);
    if (!keeps(found.subjects, kept)) throw new Refused(keepsNot(name, found.subjects, kept));
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
