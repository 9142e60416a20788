import { createHash } from "node:crypto";
import { DiscardPolicy, type JetStreamManager, type StreamConfig } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { Refused } from "./refusals.ts";

const second = 1_000;
const day = 86_400 * second;
/** The same retention as in the other adapters. */
const retentionMs = 7 * day;
/** A disconnected relay publishes again within seconds; a longer deduplication window costs memory per message. */
const duplicateWindowMs = 120 * second;

/** The name of a stream or consumer, which may not contain dots. */
export const streamOf = (name: string): string => name.replaceAll(".", "-");

/** A subject word that identifies any text. */
export const wordOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The subject for redriven dead letters of one consumer, in the same stream. */
export const redriveSubjectOf = (exchange: string, consumer: string): string => `${exchange}._again.${streamOf(consumer)}`;

/** Whether a stream's subjects cover all of `wanted`, a subject that ends in `>` or `*`, by the same or a wider subject. */
export function covers(subjects: readonly string[] | undefined, wanted: string): boolean {
  const prefix = wanted.slice(0, -1);
  return (subjects ?? []).some((subject) => subject === wanted || (subject.endsWith(">") && prefix.startsWith(subject.slice(0, -1))));
}

export const subjectMismatch = (stream: string, subjects: readonly string[] | undefined, wanted: string): string =>
  `the stream ${stream} has the subjects ${(subjects ?? []).join(", ") || "none"}, and not ${wanted}`;

/**
 * Creates a stream if there is none. One that an operator has created with other settings (replicas, limits) stays unchanged. One that does not
 * cover the subjects is {@link Refused}.
 */
export async function ensureStream(
  manager: JetStreamManager,
  name: string,
  subjects: readonly string[],
  config: Partial<StreamConfig> = {},
): Promise<void> {
  const wanted = subjects[0] as string;
  try {
    const { config: found } = await manager.streams.info(name);
    if (!covers(found.subjects, wanted)) throw new Refused(subjectMismatch(name, found.subjects, wanted));
  } catch (error) {
    if (!isMissing(error)) throw error;
    await manager.streams
      .add({
        name,
        subjects: [...subjects],
        max_age: nanos(retentionMs),
        duplicate_window: nanos(duplicateWindowMs),
        discard: DiscardPolicy.Old,
        ...config,
      })
      .catch(async (failure) => {
        // Another process may have created it concurrently.
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
