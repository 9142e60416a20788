import { type AuthorizationModel, type Condition, faultsOfCondition, vocabularyOf } from "@gatehouse/policy";
import { invalid } from "../../operation/errors.ts";

interface Store {
  currentModel(): Promise<{ readonly document: AuthorizationModel }>;
}

/** Refuses a condition that is faulty, or names what the model does not declare, with each place in it. */
export async function checkCondition(store: Store, condition: Condition | null): Promise<void> {
  if (condition === null) return;
  const { document } = await store.currentModel();
  const faults = faultsOfCondition(condition, vocabularyOf(document));
  if (faults.length === 0) return;
  throw invalid(...faults.map((fault) => ({ ...fault, field: fault.field === "" ? "condition" : `condition.${fault.field}` })));
}
