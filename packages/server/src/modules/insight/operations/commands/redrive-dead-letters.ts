import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { deadLettersOf } from "../dead-letters.ts";
import { ConsumerNotFound, DeadLetterNotFound } from "../errors.ts";
import { ConsumerName } from "../model.ts";
import { operations } from "../module.ts";

/** Redrives one dead letter, or all, to their consumer. Done before the transaction, which only writes the audit entry. */
export const redriveDeadLetters = operations.command("redriveDeadLetters", {
  summary: "Redrive one dead letter, or all, to their consumer.",
  allow: operatorOnly(),
  audit: { action: "DeadLetter.Redriven", category: "System", severity: "Warning" },
  everyTenant: "dead letters are of every organization",
  input: Type.Object({ consumer: ConsumerName, id: Type.Optional(Type.String({ minLength: 1 })) }),
  output: Type.Object({ redriven: Type.Integer() }),
  errors: [ConsumerNotFound, DeadLetterNotFound],
  async prepare(context, { consumer, id }) {
    const deadLetters = await deadLettersOf(context, consumer);
    if (id === undefined) return deadLetters.redriveAll();
    return (await deadLetters.redrive(id)) ? 1 : context.fail(DeadLetterNotFound);
  },
  run: async (_context, _input, redriven) => ({ redriven }),
});
