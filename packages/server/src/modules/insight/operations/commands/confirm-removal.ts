import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { RemovalNotFound } from "../errors.ts";
import { operations } from "../module.ts";

/** Lets a stopped removal take what is due; its runs of the next day go on. */
export const confirmRemoval = operations.command("confirmRemoval", {
  summary: "Let a stopped removal go on for a day.",
  allow: operatorOnly(),
  audit: { action: "Removal.Confirmed", category: "System", severity: "Critical" },
  everyTenant: "rows of every organization are removed together",
  input: Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) }),
  output: Nothing,
  errors: [RemovalNotFound],
  async run({ store, fail }, { name }) {
    if (!(await store.confirmRemoval(name))) fail(RemovalNotFound);
    return null;
  },
});
