import { below, type Issue } from "../issues.ts";
import type { Attributes, AttributeType } from "../model/model.ts";
import { type Comparison, conditionLimits, type Operand, operators, type Root } from "./condition.ts";
import { literalOf, type Placeholder, placeholderOf } from "./operands.ts";
import { isList, isOfKind, isScalar, type Kind, kindsInWords, operatorDefinitions } from "./operators.ts";
import { isZone } from "./time.ts";

/** The attributes that placeholders may name by root; any attribute if a root is not declared. */
export type Vocabulary = Readonly<Partial<Record<Root, Attributes>>>;

/** The attributes of each root in every installation. */
const builtIn = {
  user: { id: "text", roles: "texts", email: "text", name: "text", firstName: "text", lastName: "text", locale: "text" },
  tenant: { id: "text", status: "text" },
  session: { id: "text", authenticatedAt: "time", methods: "texts", actor: "text" },
  resource: { id: "text", type: "text" },
} as const satisfies Vocabulary;

/** All issues of a condition with their paths; empty if it can be compiled. */
export function issuesOfCondition(condition: unknown, vocabulary: Vocabulary = {}): Issue[] {
  const checker = new Checker(vocabulary);
  checker.check(condition, "", 1);
  return checker.issues;
}

type Wrong = Pick<Issue, "rule" | "message">;

class Checker {
  readonly issues: Issue[] = [];
  readonly #vocabulary: Vocabulary;
  #nodes = 0;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  check(condition: unknown, at: string, depth: number): void {
    this.#nodes += 1;
    const issue = (rule: string, message: string) => this.issues.push({ field: at, rule, message });
    if (this.#nodes === conditionLimits.nodes + 1) issue("max_nodes", `has more than ${conditionLimits.nodes} parts`);
    else if (depth > conditionLimits.depth) issue("max_depth", `is nested more than ${conditionLimits.depth} deep`);
    else if (typeof condition !== "object" || condition === null || Array.isArray(condition)) issue("type", "is not a condition");
    else if (this.#nodes <= conditionLimits.nodes) this.#node(condition as Record<string, unknown>, at, depth);
  }

  #node(condition: Record<string, unknown>, at: string, depth: number): void {
    const kind = (["all", "any", "not"] as const).find((key) => Object.hasOwn(condition, key));
    const path = at === "" ? String(kind) : `${at}.${kind}`;
    const inner = kind && condition[kind];
    if (kind === undefined) this.#comparison(condition, at);
    else if (Object.keys(condition).length > 1) {
      this.issues.push({
        field: at,
        rule: "one_of",
        message: `has '${kind}' and something else: a part is one of all, any, not, or a comparison`,
      });
    } else if (kind === "not") this.check(inner, path, depth + 1);
    else if (!Array.isArray(inner) || inner.length === 0) {
      this.issues.push({ field: path, rule: "min_items", message: "is not a list of at least one condition" });
    } else for (const [index, operand] of inner.entries()) this.check(operand, `${path}.${index}`, depth + 1);
  }

  #comparison(comparison: Record<string, unknown>, at: string): void {
    const { operator, left, right, zone, ...rest } = comparison;
    const add = (field: string, wrong: Wrong | undefined) => {
      if (wrong) this.issues.push(...below(at, [{ field, ...wrong }]));
    };
    for (const key of Object.keys(rest)) add(key, { rule: "unknown_field", message: "is not a field of a condition" });
    if (!operators.includes(operator as never)) {
      add("operator", { rule: "enum", message: `is none of ${operators.join(", ")}` });
      return;
    }
    const name = operator as Comparison["operator"];
    const definition = operatorDefinitions[name];
    add("left", this.#side(left, definition.left));
    if (definition.right !== undefined) add("right", this.#side(right, definition.right, definition.literal === true));
    else if (right !== undefined) add("right", { rule: "absent", message: `has no place beside ${name}` });
    const ofResource = (operand: unknown) => typeof operand === "string" && operand.startsWith("$resource.");
    const barred = (side: string) => add(side, { rule: "not_of_resource", message: `cannot be of the resource with ${name}` });
    if (!definition.ofResource && ofResource(left)) barred("left");
    if (name === "within_last" && ofResource(right)) barred("right");
    if (zone !== undefined && (typeof zone !== "string" || !isZone(zone))) {
      add("zone", { rule: "time_zone", message: "is not a time zone like Asia/Ho_Chi_Minh" });
    }
    if (name === "equals" || name === "not_equals") add("right", this.#alike(left, right));
  }

  #side(operand: unknown, kind: Kind, literal = false): Wrong | undefined {
    if (operand === undefined) return { rule: "required", message: "is required" };
    const placeholder = placeholderOf(operand as Operand);
    if (placeholder !== undefined) {
      if ("issue" in placeholder) return { rule: "placeholder", message: placeholder.issue };
      if (literal) return { rule: "literal", message: `must be written out: ${kindsInWords[kind]}` };
      const type = this.#typeOf(placeholder);
      if (type === "unknown") return { rule: "placeholder", message: `names ${placeholder.text}, which the model does not declare` };
      if (type === undefined || takes(kind, type)) return undefined;
      return { rule: "type", message: `takes ${kindsInWords[kind]}; ${placeholder.text} is declared as ${type}` };
    }
    const wrapped = typeof operand === "object" && operand !== null && !Array.isArray(operand);
    if (wrapped && Object.keys(operand).join() !== "value")
      return { rule: "type", message: "is neither a value, a placeholder nor { value }" };
    const value = literalOf(operand as Operand);
    if (typeof value === "string" && value.length > conditionLimits.textLength) return { rule: "max_length", message: "is too long" };
    if (Array.isArray(value) && value.length > conditionLimits.listLength) return { rule: "max_items", message: "has too many items" };
    if ([value].flat().some((item) => typeof item === "number" && Math.abs(item) > Number.MAX_SAFE_INTEGER))
      return { rule: "number", message: "holds a number beyond 2^53 - 1, which is not kept exactly" };
    const fits = (isScalar(value) || isList(value)) && isOfKind(kind, value);
    return fits ? undefined : { rule: "type", message: `takes ${kindsInWords[kind]}` };
  }

  /** The declared type; undefined if any is allowed, "unknown" if the model declares the root without the attribute. */
  #typeOf({ root, path }: Placeholder): AttributeType | "unknown" | undefined {
    if (root === "now") return "time";
    const key = path.join(".");
    const fixed = (builtIn as Vocabulary)[root]?.[key];
    const declared = this.#vocabulary[root];
    if (fixed !== undefined || declared === undefined) return fixed;
    return Object.hasOwn(declared, key) ? declared[key] : "unknown";
  }

  /** Two sides of known types that can never be equal. */
  #alike(left: unknown, right: unknown): Wrong | undefined {
    if (left === undefined || right === undefined) return undefined;
    const [a, b] = [left, right].map((operand) => {
      const placeholder = placeholderOf(operand as Operand);
      if (placeholder === undefined) return primitive(typeof literalOf(operand as Operand));
      return "issue" in placeholder ? undefined : primitive(this.#typeOf(placeholder));
    });
    return a !== undefined && b !== undefined && a !== b ? { rule: "type", message: `is ${b}, the left side ${a}` } : undefined;
  }
}

function primitive(type: string | undefined): string | undefined {
  if (type === "text" || type === "string" || type === "address") return "a text";
  return type === "number" || type === "boolean" ? `a ${type}` : undefined;
}

function takes(kind: Kind, type: AttributeType): boolean {
  switch (kind) {
    case "scalar":
      return type !== "texts" && type !== "numbers";
    case "list":
      return type === "texts" || type === "numbers";
    case "anything":
      return true;
    case "text":
      return type === "text" || type === "address";
    case "address":
      return type === "address" || type === "text";
    case "time":
      return type === "time" || type === "number";
    default:
      return kind === type;
  }
}
