import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { deadLettersOf } from "../dead-letters.ts";
import { ConsumerNotFound, DeadLetterNotFound } from "../errors.ts";
import { ConsumerName } from "../model.ts";
import { operations } from "../module.ts";

/** Deletes a dead letter. Done before the transaction, which only writes the audit entry. */
export const dropDeadLetter = operations.command("dropDeadLetter", {
  summary: "Delete a dead letter.",
  allow: operatorOnly(),
  audit: { action: "DeadLetter.Dropped", category: "System", severity: "Critical" },
  everyTenant: "dead letters are of every organization",
  input: Type.Object({ consumer: ConsumerName, id: Type.String({ minLength: 1 }) }),
  output: Nothing,
  errors: [ConsumerNotFound, DeadLetterNotFound],
  async prepare(context, { consumer, id }) {
    const deadLetters = await deadLettersOf(context, consumer);
    if (!(await deadLetters.drop(id))) context.fail(DeadLetterNotFound);
    return undefined;
  },
  run: async ({ audit }, { id }) => {
    audit({ entity: { type: "DeadLetter", id } });
    return null;
  },
});
