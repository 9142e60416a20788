import { type AuthorizationModel, type Condition, issuesOfCondition, vocabularyOf } from "@gatehouse/policy";
import { invalid } from "#operation/declaration/errors.ts";

interface Reads {
  currentModel(): Promise<{ readonly document: AuthorizationModel }>;
}
interface Writes extends Reads {
  lockModelShared(): Promise<void>;
}

/** As `checkCondition`, and keeps the model from being replaced until the condition is written. */
export async function checkConditionUnderLock(store: Writes, condition: Condition | null): Promise<void> {
  await store.lockModelShared();
  await checkCondition(store, condition);
}

/** Refuses a condition that is faulty, or names what the model does not declare, with each place in it. */
export async function checkCondition(store: Reads, condition: Condition | null): Promise<void> {
  if (condition === null) return;
  const { document } = await store.currentModel();
  const issues = issuesOfCondition(condition, vocabularyOf(document));
  if (issues.length === 0) return;
  throw invalid(...issues.map((issue) => ({ ...issue, field: issue.field === "" ? "condition" : `condition.${issue.field}` })));
}
