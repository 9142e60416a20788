import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { RemovalNotFound } from "../errors.ts";
import { operations } from "../module.ts";

/** Confirms a stopped removal: for a day, its runs may delete everything that is due. */
export const confirmRemoval = operations.command("confirmRemoval", {
  summary: "Allow a stopped removal to continue for a day.",
  allow: operatorOnly(),
  audit: { action: "Removal.Confirmed", category: "System", severity: "Critical" },
  everyTenant: "a removal deletes rows of every organization",
  input: Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }) }),
  output: Nothing,
  errors: [RemovalNotFound],
  async run({ store, fail }, { name }) {
    if (!(await store.confirmRemoval(name))) fail(RemovalNotFound);
    return null;
  },
});
