import { costOf, stepCosts } from "../budget.ts";
import { compileCondition, invalidPlaceholders } from "../condition/compile.ts";
import type { Comparison, Condition, Environment, Literal, Operand } from "../condition/condition.ts";
import { getterOf, literalOf, type Placeholder, placeholderOf } from "../condition/operands.ts";
import { isOfKind, type Kind, kindsInWords, operatorDefinitions } from "../condition/operators.ts";
import type { Issue } from "../issues.ts";
import { invalid, yes } from "../truth.ts";
import type { Filter, FilterOperand, FilterOperator } from "./filter.ts";

/** What is left of a policy when all but the resource's attributes is known; with what may not be left in the end. */
export type Residual = Filter | { readonly kind: "invalid"; readonly issues: readonly Issue[] } | { readonly kind: "pending" };

export const always: Filter = { kind: "always" };
export const never: Filter = { kind: "never" };

export function anyOfResiduals(parts: readonly Residual[]): Residual {
  const open = flat(parts, "any").filter(({ kind }) => kind !== "never");
  if (open.some(({ kind }) => kind === "always")) return always;
  if (open.some(({ kind }) => kind === "pending")) return { kind: "pending" };
  return open.length === 0 ? never : open.length === 1 ? (open[0] as Residual) : { kind: "any", of: open as Filter[] };
}

export function allOfResiduals(parts: readonly Residual[]): Residual {
  const open = flat(parts, "all").filter(({ kind }) => kind !== "always");
  if (open.some(({ kind }) => kind === "never")) return never;
  if (open.some(({ kind }) => kind === "pending")) return { kind: "pending" };
  return open.length === 0 ? always : open.length === 1 ? (open[0] as Residual) : { kind: "all", of: open as Filter[] };
}

const flat = (parts: readonly Residual[], kind: "any" | "all"): Residual[] =>
  parts.flatMap((part) => (part.kind === kind ? (part.of as readonly Residual[]) : [part]));

export function notOfResidual(part: Residual): Residual {
  switch (part.kind) {
    case "always":
      return never;
    case "never":
      return always;
    case "not":
      return part.of;
    case "pending":
    case "invalid":
      return part;
    default:
      return { kind: "not", of: part };
  }
}

/**
 * What is left with `unknown` in the place of what is invalid: with `never` the resources that are chosen for certain, with `always` all
 * that might be.
 */
export function settled(part: Residual, unknown: Filter): Residual {
  switch (part.kind) {
    case "invalid":
      return unknown;
    case "any":
      return anyOfResiduals(part.of.map((each) => settled(each, unknown)));
    case "all":
      return allOfResiduals(part.of.map((each) => settled(each, unknown)));
    case "not":
      return notOfResidual(settled(part.of, unknown.kind === "never" ? always : never));
    default:
      return part;
  }
}

/** The issues in what is left, if any of it matters still. */
export function issuesOfResidual(part: Residual): readonly Issue[] {
  if (part.kind === "invalid") return part.issues;
  if (part.kind === "any" || part.kind === "all") return part.of.flatMap(issuesOfResidual);
  return part.kind === "not" ? issuesOfResidual(part.of) : [];
}

/** Works a condition out as far as the environment goes. What the environment says of the resource counts as known. */
export function residualOf(condition: Condition, environment: Environment): Residual {
  if ("all" in condition) return allOfResiduals(condition.all.map((part) => residualOf(part, environment)));
  if ("any" in condition) return anyOfResiduals(condition.any.map((part) => residualOf(part, environment)));
  if ("not" in condition) return notOfResidual(residualOf(condition.not, environment));
  const left = sideOf(condition.left, environment);
  const right = condition.right === undefined ? undefined : sideOf(condition.right, environment);
  if (!("attribute" in left) && !(right && "attribute" in right)) {
    const truth = compileCondition(condition, environment)(environment);
    if (truth === invalid) return { kind: "invalid", issues: invalidPlaceholders(condition, environment) };
    return truth === yes ? always : never;
  }
  return residualComparison(condition, left, right, environment);
}

interface Known {
  readonly value: unknown;
  readonly text: string;
}

function sideOf(operand: Operand, environment: Environment): { readonly attribute: string } | Known {
  const placeholder = placeholderOf(operand) as Placeholder | undefined;
  if (placeholder === undefined) return { value: literalOf(operand), text: "" };
  const value = getterOf(placeholder)(environment);
  if (placeholder.root === "resource" && (value === undefined || value === null)) return { attribute: placeholder.path.join(".") };
  return { value, text: placeholder.text };
}

function residualComparison(
  { operator }: Comparison,
  left: { attribute: string } | Known,
  right: { attribute: string } | Known | undefined,
  environment: Environment,
): Residual {
  const { now } = environment;
  const definition = operatorDefinitions[operator];
  // What stays open is written out, so its values count too.
  environment.spend?.(stepCosts.residual + valueCost(left) + valueCost(right));
  const issues = [...faultsOf(left, definition.left), ...(right && definition.right ? faultsOf(right, definition.right) : [])];
  if (issues.length > 0) return { kind: "invalid", issues };
  const side = (operand: { attribute: string } | Known): FilterOperand =>
    "attribute" in operand ? operand : { value: operand.value as Literal | readonly Literal[] };
  if (operator === "within_last") {
    const since = now - (right as { value: number }).value * 1_000;
    return allOfResiduals([
      notOfResidual({ kind: "compare", operator: "after", left: side(left), right: { value: now } }),
      notOfResidual({ kind: "compare", operator: "before", left: side(left), right: { value: since } }),
    ]);
  }
  const comparison = { kind: "compare", operator: operator as FilterOperator, left: side(left) } as const;
  return right === undefined ? comparison : { ...comparison, right: side(right) };
}

const valueCost = (side: { attribute: string } | Known | undefined): number =>
  side === undefined || "attribute" in side ? 0 : costOf(side.value);

function faultsOf(operand: { attribute: string } | Known, kind: Kind): Issue[] {
  if ("attribute" in operand || isOfKind(kind, operand.value)) return [];
  const missing = operand.value === undefined || operand.value === null;
  return [
    {
      field: operand.text,
      rule: missing ? "required" : "type",
      message: missing ? "is required by a condition" : `must be ${kindsInWords[kind]} for a condition`,
    },
  ];
}
