import type { PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import type { DeadLetters } from "#platform/dead-letters.ts";
import { ConsumerNotFound } from "./errors.ts";
import type { operations } from "./module.ts";

/** The dead letters of a consumer, in whichever port they are stored. Fails for an unknown name, and creates no queue for it. */
export async function deadLettersOf(
  { state, reading, fail }: PrepareContextOf<typeof operations, typeof ConsumerNotFound>,
  consumer: string,
): Promise<DeadLetters> {
  const found = state.find(consumer);
  if (found !== undefined) return found;
  const consumers = await reading((store) => store.consumers());
  if (consumers.some(({ name }) => name === consumer)) return state.ofLogConsumer(consumer);
  const names = [...state.names.records, ...consumers.map(({ name }) => name), ...state.names.jobs];
  return fail(ConsumerNotFound, { field: "consumer", message: `one of ${names.join(", ")}` });
}
