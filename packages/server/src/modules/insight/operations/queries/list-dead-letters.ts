import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Type } from "#operation/declaration/schema.ts";
import { deadLettersOf } from "../dead-letters.ts";
import { ConsumerNotFound } from "../errors.ts";
import { ConsumerName, DeadLetter } from "../model.ts";
import { operations } from "../module.ts";

const limitDefault = 50;

/** The dead letters of a consumer, in pages. Runs outside of a transaction, because it may call the broker. */
export const listDeadLetters = operations.inMemoryQuery("listDeadLetters", {
  summary: "List the dead letters of a consumer.",
  allow: operatorOnly(),
  everyTenant: "dead letters are of every organization",
  input: Type.Object({
    consumer: ConsumerName,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
    after: Type.Optional(Type.String()),
  }),
  output: Type.Object({ items: Type.Array(DeadLetter), next: nullable(Type.String()) }),
  errors: [ConsumerNotFound],
  async run(context, { consumer, limit = limitDefault, after }) {
    const deadLetters = await deadLettersOf(context, consumer);
    const { items, next } = await deadLetters.list({ limit, after });
    return { items: [...items], next };
  },
});
