import { nullable, type Static, Timestamp, Type } from "#operation/declaration/schema.ts";

/** The name of a consumer of the log (`sessions.end-with-user`), of the broker (`iam.billing`), or of a queue of records or jobs. */
export const ConsumerName = Type.String({ minLength: 1, maxLength: 200 });

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

/** The oldest event in the log, and the number of older events deleted after their retention. */
export const LogState = Type.Object({
  oldestAt: nullable(Timestamp),
  removed: Type.Integer(),
  removedAt: nullable(Timestamp),
});

/** A removal that is stopped at its ceiling, and the end of an operator's confirmation. */
export const StoppedRemoval = Type.Object({
  name: Type.String(),
  due: Type.Integer(),
  ceiling: Type.Integer(),
  stoppedAt: Timestamp,
  confirmedUntil: nullable(Timestamp),
});

export const ConsumerState = Type.Object({ name: Type.String(), movedAt: Timestamp, deadLetters: Type.Integer() });

/** A queue of records or jobs with dead letters. */
export const QueueState = Type.Object({ name: Type.String(), deadLetters: Type.Integer() });
export type ConsumerState = Static<typeof ConsumerState>;
