import { operatorOnly } from "../../../operation/authorization.ts";
import { Type } from "../../../operation/schema.ts";
import { DeadLetterNotFound } from "../errors.ts";
import { ConsumerChoice, deadLettersOf } from "../model.ts";
import { delivery } from "../module.ts";

/** Hands one dead letter, or all, to their consumer again. Done before the transaction, which only records who did it. */
export const redriveDeadLetters = delivery.command("redriveDeadLetters", {
  summary: "Hand dead letters to their consumer again: one, or all.",
  allow: operatorOnly(),
  everyTenant: "dead letters are of every organization",
  input: Type.Object({ ...ConsumerChoice, id: Type.Optional(Type.String({ minLength: 1 })) }),
  output: Type.Object({ redriven: Type.Integer() }),
  errors: [DeadLetterNotFound],
  async prepare({ platform, reading, fail }, { id, ...choice }) {
    const letters = deadLettersOf(platform, choice, await reading((store) => store.isConsumer(choice.consumer)));
    if (id === undefined) return letters.redriveAll();
    return (await letters.redrive(id)) ? 1 : fail(DeadLetterNotFound);
  },
  run: async (_context, _input, redriven) => ({ redriven }),
});
