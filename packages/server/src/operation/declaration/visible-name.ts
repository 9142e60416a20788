import { nameKey } from "#platform/names/name-key.ts";
import { invalid } from "./errors.ts";

/** Refuses a name of which nothing can be seen. Not by its schema, so that a name of before is still one in answers. */
export function requireVisible(name: string | undefined): void {
  if (name !== undefined && nameKey(name) === "") throw invalid({ field: "name", rule: "visible", message: "shows nothing" });
}
