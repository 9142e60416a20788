import { stepCosts } from "../budget.ts";
import { PolicyError } from "../issues.ts";
import type { RelationExpression } from "../model/model.ts";
import type { Policy } from "../model/policy.ts";
import { kindOfSubject } from "./check-relationship.ts";
import { anyone, type SubjectRef } from "./relationship.ts";
import type { WalkInput } from "./walk.ts";

/** The maximum length of a page: longer lists are not readable, and longer filters are slow in a database. */
export const reachMax = 10_000;
/** Limits of a search from the subject: about 50 ms each. */
const foundMax = 100_000;
const visitedMax = 20_000;

export const tooManyInReach = (): PolicyError =>
  new PolicyError("evaluation_limit", [
    {
      field: "resource.type",
      rule: "reach",
      message: `has more than ${reachMax} resources in reach of the subject by relationships: list them in pages, or give the action by a role with a condition on their attributes`,
    },
  ]);

/**
 * Every resource of `type` whose relations might satisfy the expression for the subject: found backwards from the subject, so that
 * nothing is read that does not lead to them. Conditions, intersections and exclusions are ignored; the caller walks
 * from each candidate. Undefined while the reader lacks relationships. Pauses between subjects.
 */
export function* candidates(
  input: WalkInput,
  expression: RelationExpression,
  type: string,
): Generator<void, ReadonlySet<string> | undefined> {
  const relations = relationsBehind(input.policy, expression, type);
  const admitting = remembered((kind) => relations.filter(({ subjects }) => subjects.includes(kind)));
  const leading = remembered((of) =>
    Object.keys(input.policy.type(of)?.relations ?? {}).filter((name) => admitting(`${of}#${name}`).length > 0),
  );
  const found = new Set<string>();
  const seen = new Set<string>();
  const everybody = input.subject.type === "user" ? [anyone] : [];
  const open: SubjectRef[] = [input.subject, ...everybody, ...input.roleIds.map((id) => ({ type: "role", id }))];
  let complete = true;
  const enqueue = (subject: SubjectRef) => {
    const key = JSON.stringify([subject.type, subject.relation ?? "", subject.id]);
    if (seen.has(key)) return;
    seen.add(key);
    open.push(subject);
  };
  for (let subject = open.pop(); subject !== undefined; subject = open.pop()) {
    yield;
    for (const relation of admitting(kindOfSubject(subject))) {
      const relationships = input.reader.reverse(subject, relation.type, relation.name);
      input.moment.spend?.(stepCosts.lookup * (1 + (relationships?.length ?? 0)));
      if (relationships === undefined) complete = false;
      for (const { resource, expiresAt } of relationships ?? []) {
        if (expiresAt != null && expiresAt <= input.moment.now) continue;
        if (resource.type === type) found.add(resource.id);
        if (found.size > foundMax || seen.size > visitedMax) throw tooManyInReach();
        if (admitting(resource.type).length > 0) enqueue({ type: resource.type, id: resource.id });
        // Being in one relation may mean to be in others of the same resource.
        for (const name of leading(resource.type)) enqueue({ type: resource.type, id: resource.id, relation: name });
      }
    }
  }
  return complete ? found : undefined;
}

function remembered<Value>(find: (name: string) => Value): (name: string) => Value {
  const known = new Map<string, Value>();
  return (name) => {
    const value = known.get(name) ?? find(name);
    known.set(name, value);
    return value;
  };
}

interface RelationBehind {
  readonly type: string;
  readonly name: string;
  readonly subjects: readonly string[];
}

/** The relations that the outcome of an expression can depend on. */
export function relationsBehind(policy: Policy, expression: RelationExpression, type: string): readonly RelationBehind[] {
  const found = new Map<string, RelationBehind>();
  const visit = (part: RelationExpression, at: string): void => {
    if (typeof part === "string") visitRelation(at, part);
    else if ("through" in part) {
      visitRelation(at, part.through);
      for (const target of policy.type(at)?.relations?.[part.through]?.subjects ?? []) {
        if (policy.type(target)?.relations?.[part.relation]) visitRelation(target, part.relation);
      }
    } else if ("base" in part) {
      visit(part.base, at);
      visit(part.except, at);
    } else for (const each of "any" in part ? part.any : part.all) visit(each, at);
  };
  const visitRelation = (at: string, name: string): void => {
    const relation = policy.type(at)?.relations?.[name];
    const key = `${at}#${name}`;
    if (relation === undefined || found.has(key)) return;
    found.set(key, { type: at, name, subjects: relation.subjects ?? [] });
    for (const subject of relation.subjects ?? []) {
      const [setType, setRelation] = subject.split("#") as [string, string | undefined];
      if (setRelation !== undefined) visitRelation(setType, setRelation);
    }
    if (relation.from !== undefined) visit(relation.from, at);
  };
  visit(expression, type);
  return [...found.values()];
}
