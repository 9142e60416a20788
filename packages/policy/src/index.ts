export { Budget, evaluationLimits, stepCosts } from "./budget.ts";
export { issuesOfCondition, type Vocabulary } from "./condition/check.ts";
export { type ConditionTrace, compileCondition } from "./condition/compile.ts";
export {
  type Comparison,
  type Condition,
  conditionLimits,
  type Environment,
  type Operand,
  type Operator,
  operators,
} from "./condition/condition.ts";
export { conditionSchema } from "./condition/schema.ts";
export { decide, withinScopes } from "./decision/decide.ts";
export { type DecidingPart, type Decision, type DecisionReason, type Pending, partOf, pendingDecision } from "./decision/decision.ts";
export { applicableEntitlements, unlimited } from "./decision/entitlements.ts";
export {
  allowedAmong,
  allowedAmongInSteps,
  listActions,
  listActionsInSteps,
  type ReachPage,
  resourcesByRelation,
  resourcesByRelationInSteps,
} from "./decision/list.ts";
export type { RequestContext, SessionFacts } from "./decision/request-context.ts";
export { type SubjectFacts, type UserProfile, View } from "./decision/view.ts";
export { explain, explainInSteps } from "./explain/explain.ts";
export type { Change, Explanation, Outcome, Step } from "./explain/explanation.ts";
export type { RelationTrace } from "./explain/trace.ts";
export { FilterError } from "./filter/errors.ts";
export type { Filter, FilterComparison, FilterOperand, FilterOperator } from "./filter/filter.ts";
export { filter, filterInSteps, filterOfCertain, filterOfCertainInSteps } from "./filter/make-filter.ts";
export { compileFilter, matches } from "./filter/match.ts";
export { type ColumnType, type SqlOptions, type SqlPredicate, toSql } from "./filter/sql.ts";
export { type Issue, PolicyError, type PolicyErrorCode } from "./issues.ts";
export { issuesOfModel, namePattern, vocabularyOf } from "./model/check-model.ts";
export type {
  Attributes,
  AttributeType,
  AuthorizationModel,
  EntitlementRule,
  PermissionNode,
  PermissionRule,
  Relation,
  RelationExpression,
  Requirement,
  ResourceType,
  RoleRule,
  SessionRule,
} from "./model/model.ts";
export { compilePolicy, Policy } from "./model/policy.ts";
export { compileRules, givesAlways, type RoleFacts, type RoleRules, rulesWhere, type StoredRule } from "./model/role.ts";
export { PermissionTree } from "./model/tree.ts";
export { checkRelationship, kindOfSubject } from "./relation/check-relationship.ts";
export { type RelationEffects, relationEffects } from "./relation/effects.ts";
export { isIndirect, RelationshipIndex } from "./relation/index-in-memory.ts";
export { reachMax } from "./relation/reach.ts";
export { anyone, type Relationship, type RelationshipReader, type ResourceRef, type SubjectRef } from "./relation/relationship.ts";
export { walkLimits } from "./relation/walk.ts";
