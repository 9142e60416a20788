import { operatorOnly } from "../../../operation/authorization.ts";
import { Nothing, Type } from "../../../operation/schema.ts";
import { DeadLetterNotFound } from "../errors.ts";
import { ConsumerChoice, deadLettersOf } from "../model.ts";
import { delivery } from "../module.ts";

/** Forgets a dead letter. Done before the transaction, which only records who did it. */
export const dropDeadLetter = delivery.command("dropDeadLetter", {
  summary: "Forget a dead letter.",
  allow: operatorOnly(),
  everyTenant: "dead letters are of every organization",
  input: Type.Object({ ...ConsumerChoice, id: Type.String({ minLength: 1 }) }),
  output: Nothing,
  errors: [DeadLetterNotFound],
  async prepare({ platform, reading, fail }, { id, ...choice }) {
    const letters = deadLettersOf(platform, choice, await reading((store) => store.isConsumer(choice.consumer)));
    if (!(await letters.drop(id))) fail(DeadLetterNotFound);
    return undefined;
  },
  run: async () => null,
});
