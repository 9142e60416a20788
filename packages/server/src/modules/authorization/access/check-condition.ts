import { type Condition, issuesOfCondition, vocabularyOf } from "@gatehouse/policy";
import { invalid } from "#operation/declaration/errors.ts";
import type { policyReads, policyWrites } from "./policy-store.ts";

type Reads = Pick<ReturnType<typeof policyReads>, "currentModel">;
type Writes = Pick<ReturnType<typeof policyWrites>, "lockModelShared">;

/** Like {@link checkCondition}, but locks the model against replacement until the transaction that writes the condition ends. */
export async function checkConditionUnderLock(store: Reads & Writes, condition: Condition | null): Promise<void> {
  await store.lockModelShared();
  await checkCondition(store, condition);
}

/** Throws `common.validation_failed` with every issue of a condition that is malformed or uses names that the model does not declare. */
export async function checkCondition(store: Reads, condition: Condition | null): Promise<void> {
  if (condition === null) return;
  const { document } = await store.currentModel();
  const issues = issuesOfCondition(condition, vocabularyOf(document));
  if (issues.length === 0) return;
  throw invalid(...issues.map((issue) => ({ ...issue, field: issue.field === "" ? "condition" : `condition.${issue.field}` })));
}
