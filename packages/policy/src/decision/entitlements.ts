import type { Environment } from "../condition/condition.ts";
import { getterOf, type Placeholder, placeholderOf } from "../condition/operands.ts";
import type { Issue } from "../issues.ts";
import type { EntitlementRule } from "../model/model.ts";
import { invalid, no, type Truth, truthOf } from "../truth.ts";
import type { View } from "./view.ts";

type Entitlements = Readonly<Record<string, unknown>>;

export const nameOf = (rule: EntitlementRule): string => ("feature" in rule ? rule.feature : rule.limit);

/** The value of an absent limit. */
export const unlimited = "unlimited";

/** Whether the plan meets one rule. A plan does not include what it does not name. */
export function meets(rule: EntitlementRule, entitlements: Entitlements, environment: () => Environment): Truth {
  const value = Object.hasOwn(entitlements, nameOf(rule)) ? entitlements[nameOf(rule)] : undefined;
  if ("feature" in rule) return truthOf(value === true || (typeof value === "number" && value > 0));
  if (value === unlimited) return 1;
  if (typeof value !== "number") return no;
  const current = currentOf(rule.current, environment());
  return typeof current === "number" && Number.isFinite(current) ? truthOf(current < value) : invalid;
}

/** The current value that a limit applies to, from the environment. */
export const currentOfLimit = (rule: EntitlementRule, environment: Environment): unknown =>
  "limit" in rule ? currentOf(rule.current, environment) : undefined;

const currentOf = (placeholder: string, environment: Environment): unknown =>
  getterOf(placeholderOf(placeholder) as Placeholder)(environment);

export function issueOfLimit(rule: EntitlementRule, environment: Environment): Issue[] {
  if (!("limit" in rule)) return [];
  const current = currentOf(rule.current, environment);
  if (typeof current === "number" && Number.isFinite(current)) return [];
  const missing = current === undefined || current === null;
  return [
    {
      field: rule.current,
      rule: missing ? "required" : "type",
      message: missing ? "is required by a plan's limit" : "must be a number for a plan's limit",
    },
  ];
}

/** The plan's entitlements for the action (applicableEntitlements): only those that a rule requires. */
export function applicableEntitlements(view: View, action: string): Record<string, unknown> {
  const { entitlements } = view.facts.tenant;
  const required = view.plan(action).requirement?.entitlements;
  if (required === undefined) return {};
  const named = required.map(nameOf);
  return Object.fromEntries(
    named.filter((name) => entitlements && Object.hasOwn(entitlements, name)).map((name) => [name, entitlements?.[name]]),
  );
}
