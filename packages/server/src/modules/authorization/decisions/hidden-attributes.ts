import type { ConditionTrace, Explanation, RelationTrace } from "@gatehouse/policy";

/** Replaces a value that the reader of an explanation may not see. */
const hidden = { hidden: true } as const;

/** Placeholders that the product sets itself; their values are not hidden. */
const ofProduct = new Set(["$user.id", "$user.roles", "$tenant.id", "$tenant.status"]);
const isAttribute = (placeholder: string): boolean => /^\$(?:user|tenant)\./.test(placeholder) && !ofProduct.has(placeholder);

/**
 * The explanation for a reader who may not read attributes: the result of each condition, without the attributes of the user and the
 * organization. Values from the request stay.
 */
export function withoutAttributes(explanation: Explanation): Explanation {
  const steps = explanation.steps.map((step) => {
    if (step.part === "role" && step.condition) return { ...step, condition: ofCondition(step.condition) };
    return step.part === "grant" ? { ...step, trace: ofRelation(step.trace) } : step;
  });
  const changes = explanation.changes.map((set) =>
    set.map((change) => (change.kind === "meet_condition" ? { ...change, condition: ofCondition(change.condition) } : change)),
  );
  return { ...explanation, steps, changes };
}

function ofCondition(trace: ConditionTrace): ConditionTrace {
  const { values, parts } = trace;
  return {
    ...trace,
    ...(parts ? { parts: parts.map(ofCondition) } : {}),
    ...(values
      ? { values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, isAttribute(name) ? hidden : value])) }
      : {}),
  };
}

const ofRelation = (trace: RelationTrace): RelationTrace => ({
  ...trace,
  ...(trace.condition ? { condition: ofCondition(trace.condition) } : {}),
  ...(trace.parts ? { parts: trace.parts.map(ofRelation) } : {}),
});
