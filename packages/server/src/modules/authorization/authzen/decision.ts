import type { Budget } from "@gatehouse/policy";
import {
  type CheckRequest,
  type Decided,
  type DecisionReader,
  decideFor,
  type ExpectedSubject,
  sentenceOf,
} from "#modules/authorization/decisions/index.ts";
import type { Services } from "#operation/declaration/context.ts";
import type { Principal } from "#operation/declaration/principal.ts";
import { type Static, Type } from "#operation/declaration/schema.ts";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { checkOf, issueOf, subjectOf, tenantOf } from "./check-request.ts";
import { type Evaluation, Facts } from "./entities.ts";
import { refusalOf, unknownSubject } from "./refusal.ts";

/**
 * AuthZEN 1.0, 5.5. The context of a denial has the reason. A permit has none, because an enforcement point may reject a permit whose
 * context it does not understand. Equal decisions have equal responses.
 */
export const Decision = Type.Object({ decision: Type.Boolean(), context: Type.Optional(Facts) });
export type Decision = Static<typeof Decision>;

export interface EvaluationContext {
  readonly state: DecisionReader;
  readonly services: Services;
  readonly principal: Principal;
  /** The time at which all evaluations of a request are decided. */
  readonly now: number;
  /** The budget that they share. */
  readonly budget: Budget;
  /** Whether the evaluations are recorded for previews, like those of the check API. */
  readonly records: boolean;
}

const refused = (context: Facts): Decision => ({ decision: false, context });

/** A check request for the engine, or the decision about an evaluation that cannot be one. */
export type ParsedEvaluation =
  | { readonly check: CheckRequest & ExpectedSubject & { readonly tenantId: string | null } }
  | { readonly decision: Decision };

export function parseEvaluation(evaluation: Evaluation, principal: Principal): ParsedEvaluation {
  const about = subjectOf(evaluation.subject);
  if (about === undefined) return { decision: refused(unknownSubject) };
  try {
    const issue = issueOf(evaluation.resource);
    if (issue) throw issue;
    const tenantId = tenantOf(evaluation.subject.properties, principal);
    return { check: { ...checkOf(evaluation, { ...about, tenantId }), tenantId } };
  } catch (error) {
    return { decision: orThrown(error) };
  }
}

/** Denies if the evaluation itself caused the error; rethrows any other error. */
export function orThrown(error: unknown): Decision {
  const refusal = refusalOf(error);
  if (refusal === undefined) throw error;
  return refused(refusal);
}

/** Decides with the same reader as the check API. The caller must have been authorized before. */
export function decideOn(context: EvaluationContext, evaluation: ParsedEvaluation): MaybePromise<Decision> {
  if ("decision" in evaluation) return evaluation.decision;
  const { check } = evaluation;
  const answer = ({ decision: decided }: Decided): Decision => {
    context.services.metrics.decisions.inc(decided.allowed ? "true" : "false", decided.reason);
    if (context.records) context.state.recorder.record(check, decided);
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
