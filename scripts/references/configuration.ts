import { variables } from "../../packages/server/src/runtime/variables.ts";
import { code, head, table } from "./page.ts";

/** Every variable, as `gatehouse config` prints them. */
export function configurationPage(): string {
  const rows = variables.map((variable) => [
    code(variable.name),
    variable.fallbackText ?? code(String(variable.fallback)),
    variable.takes,
    variable.meaning,
  ]);
  const from =
    "Environment variables, or lines of `NAME=value` in the file that `GATEHOUSE_CONFIG` names. An invalid value ends the start with exit code 78.";
  return `${head("Configuration", from)}\n${table(["Variable", "Default", "Takes", "Means"], rows)}`;
}
