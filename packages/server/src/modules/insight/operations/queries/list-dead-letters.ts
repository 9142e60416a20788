import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Type } from "#operation/declaration/schema.ts";
import { deadLettersOf } from "../dead-letters.ts";
import { ConsumerNotFound } from "../errors.ts";
import { ConsumerName, DeadLetter } from "../model.ts";
import { operations } from "../module.ts";

const limitDefault = 50;

/** What a consumer could not handle, in pages. Outside of a transaction: a broker is asked. */
export const listDeadLetters = operations.inMemoryQuery("listDeadLetters", {
  summary: "List what a consumer could not handle.",
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
    const letters = await deadLettersOf(context, consumer);
    const { items, next } = await letters.list({ limit, after });
    return { items: [...items], next };
  },
});
