import { nameKey } from "#platform/names/name-key.ts";
import { invalid } from "./errors.ts";

/** Refuses a name without visible characters. The schema does not: older names must stay valid in answers. */
export function requireVisible(name: string | undefined): void {
  if (name !== undefined && nameKey(name) === "") throw invalid({ field: "name", rule: "visible", message: "has no visible character" });
}
