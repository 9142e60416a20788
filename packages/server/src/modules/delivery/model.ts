import { nullable, type Static, Timestamp, Type } from "../../operation/schema.ts";
import type { DeadLetters } from "../../platform/broker/broker.ts";
import type { Platform } from "../../platform/platform.ts";

/** A consumer of the log (`access.projector`), or one of the broker (`iam.billing`) with the exchange that it reads. */
export const ConsumerChoice = {
  consumer: Type.String({ minLength: 1, maxLength: 200 }),
  exchange: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
};

export const DeadLetter = Type.Object({
  id: Type.String(),
  topic: Type.String(),
  body: Type.String(),
  attempts: Type.Integer(),
  failure: Type.String(),
  failedAt: Timestamp,
});

export const RelayState = nullable(
  Type.Object({
    holder: nullable(Type.String()),
    held: Type.Boolean(),
    movedAt: nullable(Timestamp),
    lagEvents: Type.Integer(),
    lagSeconds: Type.Number(),
  }),
);

/** What the log has, from its oldest event on, and how many older ones have been removed because their time was over. */
export const LogState = Type.Object({
  oldestAt: nullable(Timestamp),
  removed: Type.Integer(),
  removedAt: nullable(Timestamp),
});

export const ConsumerState = Type.Object({ name: Type.String(), movedAt: Timestamp, deadLetters: Type.Integer() });
export type ConsumerState = Static<typeof ConsumerState>;

/** Billing's, as it is the one exchange that the product reads. */
const exchangeDefault = "bum.events";

/** Where a consumer's dead letters are: in the log's table, or with the broker. */
export const deadLettersOf = (
  { bus, broker }: Platform,
  { consumer, exchange = exchangeDefault }: { readonly consumer: string; readonly exchange?: string },
  readsLog: boolean,
): DeadLetters => (readsLog ? bus.deadLetters(consumer) : broker.deadLetters({ name: consumer, exchange }));
