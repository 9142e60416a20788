import { costOf, stepCosts } from "../budget.ts";
import type { Issue } from "../issues.ts";
import { allOf, anyOf, invalid, notOf, type Truth } from "../truth.ts";
import type { Comparison, Condition, Environment, Operand } from "./condition.ts";
import { type Getter, getterOf, literalOf, type Placeholder, placeholderOf } from "./operands.ts";
import { isOfKind, isWithinLast, kindsInWords, operatorDefinitions } from "./operators.ts";

export type CompiledCondition = (environment: Environment) => Truth;

const compiled = new WeakMap<object, CompiledCondition>();

/**
 * Compiles a condition to a function, once per condition object. The condition must have no issues. If it is compiled for a
 * decision, the work is counted in the decision's environment.
 */
export function compileCondition(condition: Condition, environment?: Environment): CompiledCondition {
  let closure = compiled.get(condition);
  if (!closure) {
    environment?.spend?.(compileCost(condition));
    closure = compile(condition);
    compiled.set(condition, closure);
  }
  return closure;
}

function compileCost(condition: Condition): number {
  if ("operator" in condition) {
    const { operator, right } = condition;
    const items = right === undefined ? 0 : costOf(literalOf(right));
    return stepCosts.compilation + (operator === "in_network" ? items * stepCosts.network : items);
  }
  const operands: readonly Condition[] = "all" in condition ? condition.all : "any" in condition ? condition.any : [condition.not];
  return operands.reduce<number>((sum, operand) => sum + compileCost(operand), stepCosts.compilation);
}

function compile(condition: Condition): CompiledCondition {
  if ("all" in condition) {
    const operands = condition.all.map(compile);
    return (environment) => allOf(operands.map((operand) => operand(environment)));
  }
  if ("any" in condition) {
    const operands = condition.any.map(compile);
    return (environment) => anyOf(operands.map((operand) => operand(environment)));
  }
  if ("not" in condition) {
    const operand = compile(condition.not);
    return (environment) => notOf(operand(environment));
  }
  return compileComparison(condition);
}

function compileComparison({ operator, left, right, zone = "UTC" }: Comparison): CompiledCondition {
  const definition = operatorDefinitions[operator];
  const searching = operator === "includes";
  const leftOf = counted(left, comparisonCost(operator, right), searching);
  if (right === undefined) return (environment) => definition.compare(leftOf(environment), undefined, zone);
  const rightOf = counted(right, 0, searching);
  if (operator === "within_last") return (environment) => isWithinLast(leftOf(environment), rightOf(environment), environment.now);
  if (operator === "equals") {
    return (environment) => {
      const value = leftOf(environment);
      const other = rightOf(environment);
      return typeof value === "string" && typeof other === "string" ? (value === other ? 1 : 0) : definition.compare(value, other, zone);
    };
  }
  if (definition.bind && placeholderOf(right) === undefined) {
    const compare = definition.bind(literalOf(right), zone);
    return (environment) => compare(leftOf(environment));
  }
  return (environment) => definition.compare(leftOf(environment), rightOf(environment), zone);
}

/** The cost of a comparison without that of its values. */
function comparisonCost(operator: Comparison["operator"], right: Operand | undefined): number {
  if (operator === "time_of_day_between" || operator === "weekday_in") return stepCosts.comparison + stepCosts.calendar;
  // Networks are compared one by one.
  return stepCosts.comparison + (operator === "in_network" && right !== undefined ? costOf(literalOf(right)) : 0);
}

/** Reads an operand and counts the cost of comparing it, plus `more` for the comparison itself. */
function counted(operand: Operand, more: number, searching: boolean): Getter {
  const placeholder = placeholderOf(operand);
  if (placeholder === undefined) {
    const literal = literalOf(operand);
    const cost = more + costOf(literal, searching);
    return (environment) => {
      environment.spend?.(cost);
      return literal;
    };
  }
  const read = getterOf(placeholder as Placeholder);
  return (environment) => {
    const value = read(environment);
    environment.spend?.(more + (typeof value === "object" || typeof value === "string" ? costOf(value, searching) : 0));
    return value;
  };
}

/** The placeholders that make the condition invalid in this environment: missing or of the wrong type. */
export function invalidPlaceholders(condition: Condition, environment: Environment): Issue[] {
  if ("all" in condition) return condition.all.flatMap((operand) => invalidPlaceholders(operand, environment));
  if ("any" in condition) return condition.any.flatMap((operand) => invalidPlaceholders(operand, environment));
  if ("not" in condition) return invalidPlaceholders(condition.not, environment);
  if (compileCondition(condition, environment)(environment) !== invalid) return [];
  const definition = operatorDefinitions[condition.operator];
  const issues: Issue[] = [];
  for (const [operand, kind] of [
    [condition.left, definition.left],
    [condition.right, definition.right],
  ] as const) {
    const placeholder = operand === undefined ? undefined : placeholderOf(operand);
    if (placeholder === undefined || kind === undefined) continue;
    const value = getterOf(placeholder as Placeholder)(environment);
    const field = (placeholder as Placeholder).text;
    if (value === undefined || value === null)
      issues.push({ field, rule: "required", message: `is required by a condition (${condition.operator})` });
    else if (!isOfKind(kind, value))
      issues.push({ field, rule: "type", message: `must be ${kindsInWords[kind]} for a condition (${condition.operator})` });
  }
  if (issues.length > 0) return issues;
  // The operator accepts both sides, but their types differ: either may be the wrong one.
  return [condition.left, condition.right]
    .filter((operand): operand is string => operand !== undefined && placeholderOf(operand) !== undefined)
    .map((field) => ({ field, rule: "type", message: `is not of the type that it is compared with (${condition.operator})` }));
}

/** A condition with the outcome of each node, for an explanation. */
export interface ConditionTrace {
  readonly condition: Condition;
  readonly outcome: "true" | "false" | "invalid";
  readonly parts?: readonly ConditionTrace[];
  /** The values of a comparison's placeholders; absent ones are null. */
  readonly values?: Readonly<Record<string, unknown>>;
}

const words = ["false", "true", "invalid"] as const;

export function traceCondition(condition: Condition, environment: Environment): ConditionTrace {
  const outcome = words[compileCondition(condition, environment)(environment) as 0 | 1 | 2];
  const inner = "all" in condition ? condition.all : "any" in condition ? condition.any : "not" in condition ? [condition.not] : undefined;
  if (inner) return { condition, outcome, parts: inner.map((operand) => traceCondition(operand, environment)) };
  const { left, right } = condition as Comparison;
  const values: Record<string, unknown> = {};
  for (const operand of [left, right]) {
    const placeholder = operand === undefined ? undefined : placeholderOf(operand);
    if (!placeholder) continue;
    const value = getterOf(placeholder as Placeholder)(environment);
    values[(placeholder as Placeholder).text] = isOfKind("anything", value) ? value : null;
  }
  return { condition, outcome, values };
}
