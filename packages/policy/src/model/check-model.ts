import type { Vocabulary } from "../condition/check.ts";
import { placeholderOf } from "../condition/operands.ts";
import { below, type Issue } from "../issues.ts";
import type { AttributeType, AuthorizationModel, RelationExpression, Requirement, ResourceType } from "./model.ts";
import { issuesOfSelfReference } from "./self-reference.ts";
import { whyNoSubject, whyReserved } from "./subject-kinds.ts";
import type { PermissionTree } from "./tree.ts";

/** Names of types, relations and attributes, which are used in keys and placeholders. */
export const namePattern = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/;
const nameInWords = "a letter or _, then letters, digits, _ and -, at most 63 in all";
const attributeTypes: readonly AttributeType[] = ["text", "number", "boolean", "time", "address", "texts", "numbers"];
const expressionDepthMax = 8;

type Add = (field: string, rule: string, message: string) => void;

/** All issues of a model with their paths; empty if it can be compiled. */
export function issuesOfModel(model: AuthorizationModel, tree: PermissionTree): Issue[] {
  const issues: Issue[] = [];
  const add: Add = (field, rule, message) => issues.push({ field, rule, message });
  for (const root of ["user", "tenant", "request", "session"] as const) {
    issues.push(...below(`attributes.${root}`, issuesOfAttributes(model.attributes?.[root] ?? {})));
  }
  const types = model.resourceTypes ?? {};
  for (const [name, type] of Object.entries(types)) {
    const at = `resourceTypes.${name}`;
    const reserved = whyReserved(name);
    if (reserved) add(at, "reserved", reserved);
    else if (!namePattern.test(name)) add(at, "name", `is not a name for a resource type: ${nameInWords}`);
    issues.push(...below(at, issuesOfType(name, type, types, tree)));
  }
  for (const [permission, requirement] of Object.entries(model.requirements ?? {})) {
    const at = `requirements.${permission}`;
    if (!tree.has(permission)) add(at, "permission", "is not a defined permission");
    issues.push(...below(at, issuesOfRequirement(requirement)));
  }
  if (issues.length > 0) return issues;
  const exclusions = issuesOfExclusions(types);
  return exclusions.length > 0 ? exclusions : issuesOfSelfReference(types);
}

function issuesOfAttributes(attributes: Readonly<Record<string, string>>): Issue[] {
  return Object.entries(attributes).flatMap(([name, type]) => {
    const issues: Issue[] = [];
    if (!name.split(".").every((part) => namePattern.test(part)))
      issues.push({ field: name, rule: "name", message: `is not a name for an attribute: ${nameInWords}` });
    if (!attributeTypes.includes(type as AttributeType))
      issues.push({ field: name, rule: "enum", message: `is none of ${attributeTypes.join(", ")}` });
    return issues;
  });
}

function issuesOfType(name: string, type: ResourceType, types: Readonly<Record<string, ResourceType>>, tree: PermissionTree): Issue[] {
  const issues: Issue[] = [...below("attributes", issuesOfAttributes(type.attributes ?? {}))];
  const add: Add = (field, rule, message) => issues.push({ field, rule, message });
  for (const [relationName, relation] of Object.entries(type.relations ?? {})) {
    const at = `relations.${relationName}`;
    if (!namePattern.test(relationName)) add(at, "name", `is not a name for a relation: ${nameInWords}`);
    if (!relation.subjects?.length && relation.from === undefined) add(at, "required", "has neither subjects nor from");
    for (const [index, subject] of (relation.subjects ?? []).entries()) {
      const why = whyNoSubject(subject, types);
      if (why) add(`${at}.subjects.${index}`, "subject", why);
    }
    if (relation.from !== undefined) checkExpression(relation.from, name, types, `${at}.from`, add);
  }
  for (const [permission, rule] of Object.entries(type.permissions ?? {})) {
    const at = `permissions.${permission}`;
    if (!tree.has(permission)) add(at, "permission", "is not a defined permission");
    if (rule.allow === undefined && rule.deny === undefined) add(at, "required", "has neither allow nor deny");
    if (rule.allow !== undefined) checkExpression(rule.allow, name, types, `${at}.allow`, add);
    if (rule.deny !== undefined) checkExpression(rule.deny, name, types, `${at}.deny`, add);
  }
  return issues;
}

function checkExpression(
  expression: RelationExpression,
  type: string,
  types: Readonly<Record<string, ResourceType>>,
  at: string,
  add: Add,
  depth = 1,
): void {
  const relations = types[type]?.relations ?? {};
  if (!isExpression(expression)) {
    add(
      at,
      "type",
      "is neither a relation nor one of { through, relation }, { any }, { all }, { base, except }; subjects stand in a relation of their own",
    );
    return;
  }
  if (depth > expressionDepthMax) {
    add(at, "max_depth", `is nested more than ${expressionDepthMax} deep`);
    return;
  }
  if (typeof expression === "string") {
    if (!Object.hasOwn(relations, expression)) add(at, "relation", `names no relation of ${type}`);
    return;
  }
  if ("through" in expression) {
    const targets = (relations[expression.through]?.subjects ?? []).filter((subject) => Object.hasOwn(types, subject));
    if (!Object.hasOwn(relations, expression.through)) add(`${at}.through`, "relation", `names no relation of ${type}`);
    else if (targets.length === 0) add(`${at}.through`, "relation", "leads to no resource type");
    else if (!targets.some((target) => Object.hasOwn(types[target]?.relations ?? {}, expression.relation)))
      add(`${at}.relation`, "relation", `names no relation of ${targets.join(", ")}`);
    return;
  }
  if (!("base" in expression)) {
    const [key, list] = "any" in expression ? (["any", expression.any] as const) : (["all", expression.all] as const);
    if (list.length === 0) add(`${at}.${key}`, "min_items", "is an empty list");
    for (const [index, part] of list.entries()) checkExpression(part, type, types, `${at}.${key}.${index}`, add, depth + 1);
    return;
  }
  checkExpression(expression.base, type, types, `${at}.base`, add, depth + 1);
  checkExpression(expression.except, type, types, `${at}.except`, add, depth + 1);
}

const expressionForms = ["relation,through", "any", "all", "base,except"];

function isExpression(value: unknown): value is RelationExpression {
  if (typeof value === "string") return true;
  if (typeof value !== "object" || value === null) return false;
  const lists = ["any", "all"].every((name) => !Object.hasOwn(value, name) || Array.isArray((value as Record<string, unknown>)[name]));
  return lists && expressionForms.includes(Object.keys(value).sort().join());
}

function issuesOfRequirement(requirement: Requirement): Issue[] {
  const issues: Issue[] = [];
  const { anyMethod, maxAgeSeconds } = requirement.session ?? {};
  if (
    anyMethod !== undefined &&
    !(Array.isArray(anyMethod) && anyMethod.length > 0 && anyMethod.every((method) => typeof method === "string"))
  ) {
    issues.push({ field: "session.anyMethod", rule: "type", message: "is not a list of at least one method" });
  }
  if (maxAgeSeconds !== undefined && !(typeof maxAgeSeconds === "number" && maxAgeSeconds >= 0)) {
    issues.push({ field: "session.maxAgeSeconds", rule: "type", message: "is not a number of seconds" });
  }
  for (const [index, rule] of (requirement.entitlements ?? []).entries()) {
    if (!("limit" in rule)) continue;
    const current = placeholderOf(rule.current);
    if (current === undefined || "issue" in current)
      issues.push({
        field: `entitlements.${index}.current`,
        rule: "placeholder",
        message: "is not a placeholder for a number, like $request.count",
      });
  }
  return issues;
}

/** Rejects a relation that depends on its own exclusion, because it has no consistent result. */
function issuesOfExclusions(types: Readonly<Record<string, ResourceType>>): Issue[] {
  const edges = new Map<string, { to: string; excluded: boolean }[]>();
  for (const [type, { relations = {} }] of Object.entries(types)) {
    for (const [name, relation] of Object.entries(relations)) {
      const out: { to: string; excluded: boolean }[] = [];
      for (const subject of relation.subjects ?? []) if (subject.includes("#")) out.push({ to: subject, excluded: false });
      if (relation.from !== undefined) collect(relation.from, type, types, false, out);
      edges.set(`${type}#${name}`, out);
    }
  }
  const reaches = (from: string, goal: string, seen = new Set<string>()): boolean => {
    if (from === goal) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return (edges.get(from) ?? []).some(({ to }) => reaches(to, goal, seen));
  };
  return [...edges].flatMap(([from, out]) => {
    const [type, name] = from.split("#") as [string, string];
    return out.some(({ to, excluded }) => excluded && reaches(to, from))
      ? [{ field: `resourceTypes.${type}.relations.${name}.from`, rule: "exclusion", message: ownExclusion }]
      : [];
  });
}

const ownExclusion =
  "depends on its own exclusion: what `except` names leads back to the relation; name there a relation that takes users alone";

function collect(
  expression: RelationExpression,
  type: string,
  types: Readonly<Record<string, ResourceType>>,
  excluded: boolean,
  out: { to: string; excluded: boolean }[],
): void {
  if (typeof expression === "string") out.push({ to: `${type}#${expression}`, excluded });
  else if ("through" in expression) {
    out.push({ to: `${type}#${expression.through}`, excluded });
    for (const target of types[type]?.relations?.[expression.through]?.subjects ?? []) {
      if (Object.hasOwn(types[target]?.relations ?? {}, expression.relation))
        out.push({ to: `${target}#${expression.relation}`, excluded });
    }
  } else if ("base" in expression) {
    collect(expression.base, type, types, excluded, out);
    collect(expression.except, type, types, true, out);
  } else for (const part of "any" in expression ? expression.any : expression.all) collect(part, type, types, excluded, out);
}

/** The attributes that conditions may name for a resource of `type`, or of any type if it is unknown. */
export function vocabularyOf(model: AuthorizationModel, type?: string): Vocabulary {
  const attributes = type === undefined ? undefined : model.resourceTypes?.[type]?.attributes;
  return { ...model.attributes, ...(attributes ? { resource: attributes } : {}) };
}
