import { describeRule } from "../../packages/server/src/operation/declaration/authorization.ts";
import type { Catalogue } from "../../packages/server/src/operation/declaration/catalogue.ts";
import { describeDeprecation } from "../../packages/server/src/operation/declaration/deprecation.ts";
import type { Operation } from "../../packages/server/src/operation/declaration/operation.ts";
import { successorOf } from "../../packages/server/src/operation/documents/openapi.ts";
import { code, head, table } from "./page.ts";

/** Every operation with its name, its route and its permission. */
export function operationsPage({ operations, byName }: Catalogue): string {
  const rows = operations.map((operation) => [
    code(operation.name),
    operation.kind,
    operation.http === undefined ? "none: the command line or background work" : code(operation.http),
    summaryOf(operation, byName),
    describeRule(operation.allow),
  ]);
  const from = "One declaration each, which defines the route, the validation, the authorization and the description.";
  return `${head("Operations", from)}\n${table(["Operation", "Kind", "Route", "Does", "Who may"], rows)}`;
}

function summaryOf({ summary, deprecated }: Operation, byName: Catalogue["byName"]): string {
  return deprecated === undefined ? summary : `${summary} ${describeDeprecation(deprecated, successorOf(deprecated, byName))}`;
}
