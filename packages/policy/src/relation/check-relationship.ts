import { issuesOfCondition } from "../condition/check.ts";
import { below, type Issue, PolicyError } from "../issues.ts";
import { vocabularyOf } from "../model/check-model.ts";
import type { Policy } from "../model/policy.ts";
import type { Relationship, SubjectRef } from "./relationship.ts";

/** How a relation's `subjects` name a kind of subject. */
export function kindOfSubject({ type, id, relation }: SubjectRef): string {
  if (type === "user") return id === "*" ? "user:*" : "user";
  return relation === undefined ? type : `${type}#${relation}`;
}

/**
 * Throws `unknown_resource_type`, `unknown_relation`, or `invalid_definition` where the relation does not take such a subject or
 * the condition is faulty.
 */
export function checkRelationship(policy: Policy, { resource, relation, subject, condition }: Relationship): void {
  const type = policy.type(resource.type);
  const fail = (code: "unknown_resource_type" | "unknown_relation", field: string, message: string) => {
    throw new PolicyError(code, [{ field, rule: "defined", message }]);
  };
  if (type === undefined) fail("unknown_resource_type", "resource.type", "is not declared in the authorization model");
  const declared = type?.relations && Object.hasOwn(type.relations, relation) ? type.relations[relation] : undefined;
  if (declared === undefined) fail("unknown_relation", "relation", "is not a relation of the resource type");
  const issues: Issue[] = [];
  const takes = declared?.subjects ?? [];
  if (!takes.includes(kindOfSubject(subject))) {
    const words = takes.length > 0 ? takes.join(", ") : "none: it follows from others";
    issues.push({ field: "subject", rule: "subject", message: `is not of a kind that the relation takes (${words})` });
  }
  if (condition) issues.push(...below("condition", issuesOfCondition(condition, vocabularyOf(policy.model))));
  if (issues.length > 0) throw new PolicyError("invalid_definition", issues);
}
