import { operatorOnly } from "../../../operation/authorization.ts";
import { nullable, Type } from "../../../operation/schema.ts";
import { ConsumerChoice, DeadLetter, deadLettersOf } from "../model.ts";
import { delivery } from "../module.ts";

const limitDefault = 50;

/** What a consumer could not handle, in pages. Outside of a transaction: a broker is asked. */
export const listDeadLetters = delivery.memoryQuery("listDeadLetters", {
  summary: "List what a consumer could not handle.",
  allow: operatorOnly(),
  everyTenant: "dead letters are of every organization",
  input: Type.Object({
    ...ConsumerChoice,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
    after: Type.Optional(Type.String()),
  }),
  output: Type.Object({ items: Type.Array(DeadLetter), next: nullable(Type.String()) }),
  async run({ platform, reading }, { limit = limitDefault, after, ...choice }) {
    const readsLog = await reading((store) => store.isConsumer(choice.consumer));
    const { items, next } = await deadLettersOf(platform, choice, readsLog).list({ limit, after });
    return { items: [...items], next };
  },
});
