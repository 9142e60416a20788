import type { Budget } from "@gatehouse/policy";
import { type CheckRequest, type Decided, type DecisionReader, decideFor, sentenceOf } from "#modules/authorization/decisions/index.ts";
import type { Services } from "#operation/declaration/context.ts";
import type { Principal } from "#operation/declaration/principal.ts";
import { type Static, Type } from "#operation/declaration/schema.ts";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { checkOf, issueOf, tenantOf, userOf } from "./check-request.ts";
import { type Evaluation, Facts } from "./entities.ts";
import { refusalOf, unknownSubject } from "./refusal.ts";

/**
 * AuthZEN 1.0, 5.5. The context of a denial says why. A permit has none: an evaluation point may refuse a permit whose context it does not
 * understand. Nothing in it differs from one answer to the next while the decision is the same.
 */
export const Decision = Type.Object({ decision: Type.Boolean(), context: Type.Optional(Facts) });
export type Decision = Static<typeof Decision>;

export interface EvaluationContext {
  readonly state: DecisionReader;
  readonly services: Services;
  readonly principal: Principal;
  /** One moment for all questions of a request. */
  readonly now: number;
  /** What they may cost together. */
  readonly budget: Budget;
  /** Whether the questions are kept for previews, as those of the check API are. */
  readonly keeps: boolean;
}

const refused = (context: Facts): Decision => ({ decision: false, context });

/** A question that can be put to the engine, or the decision about one that cannot. */
export type ParsedEvaluation = { readonly check: CheckRequest & { readonly tenantId: string | null } } | { readonly decision: Decision };

export function parseEvaluation(evaluation: Evaluation, principal: Principal): ParsedEvaluation {
  const userId = userOf(evaluation.subject);
  if (userId === undefined) return { decision: refused(unknownSubject) };
  try {
    const issue = issueOf(evaluation.resource);
    if (issue) throw issue;
    const tenantId = tenantOf(evaluation.subject.properties, principal);
    return { check: { ...checkOf(evaluation, { userId, tenantId }), tenantId } };
  } catch (error) {
    return { decision: orThrown(error) };
  }
}

/** The decision about what threw `error`: no, where the question is the cause. */
export function orThrown(error: unknown): Decision {
  const refusal = refusalOf(error);
  if (refusal === undefined) throw error;
  return refused(refusal);
}

/** Decides from the same reader as the check API does. Who may ask has been seen to before. */
export function decideOn(context: EvaluationContext, question: ParsedEvaluation): MaybePromise<Decision> {
  if ("decision" in question) return question.decision;
  const { check } = question;
  const answer = ({ decision: decided }: Decided): Decision => {
    context.services.metrics.decisions.inc(decided.allowed ? "true" : "false", decided.reason);
    if (context.keeps) context.state.recorder.record(check, decided);
    if (decided.allowed) return { decision: true };
    return refused({ reason_code: decided.reason, reason: sentenceOf(decided, check.actionType) });
  };
  try {
    const decided = decideFor(context.state, check, context);
    return decided instanceof Promise ? decided.then(answer, orThrown) : answer(decided);
  } catch (error) {
    return orThrown(error);
  }
}
