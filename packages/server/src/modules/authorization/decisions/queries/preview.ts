import {
  compileRules,
  type Decision,
  decide,
  type Pending,
  PolicyError,
  pendingDecision,
  type RoleRule as Rule,
  View,
} from "@gatehouse/policy";
import {
  ConditionInput,
  EvaluationLimit,
  MemberNotFound,
  PermissionNotFound,
  PermissionValue,
  RoleNotFound,
  RuleEffect,
} from "#modules/authorization/access/index.ts";
import { TooManyRequests } from "#operation/declaration/errors.ts";
import { nullable, oneOf, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import type { RecordedQuery } from "../decision-recorder.ts";
import { aboutTenant, type EvaluationTarget, evaluate, queryContext, tenantOfQuery } from "../evaluate.ts";
import { decisions } from "../module.ts";
import type { RecordedQueryRow } from "../recorded-decisions.ts";

const dayMs = 86_400_000;
/** Distinct queries that one preview replays, the most frequent first. */
const replayedMax = 5_000;
/** Differences that the response lists at most; their counts are complete. */
const listedMax = 200;

const RuleInput = Type.Object({
  permission: PermissionValue,
  effect: Type.Optional(RuleEffect),
  condition: Type.Optional(nullable(ConditionInput)),
});
const Outcome = oneOf("allowed", "denied", "invalid");
const Difference = Type.Object({
  userId: Uuid,
  actionType: Type.String(),
  resourceType: nullable(Type.String()),
  resourceId: nullable(Type.String()),
  before: Outcome,
  after: Outcome,
  times: Type.Number(),
  lastAt: Timestamp,
});
type Difference = Static<typeof Difference>;

/**
 * Previews a change of a role: who would gain and who would lose which permissions. Decides the recorded queries of the last days with the
 * role as it is and as it would be. Changes nothing.
 */
export const preview = decisions.inMemoryQuery("preview", {
  http: "POST /api/v1/iam/authorization/preview",
  summary: "Preview a change of a role on the decisions of the last days.",
  allow: aboutTenant,
  absent: MemberNotFound,
  input: Type.Object({
    tenantId: Type.Optional(nullable(Uuid)),
    roleId: Uuid,
    /** Rules to set; each replaces the role's rule about its permission. */
    set: Type.Optional(Type.Array(RuleInput, { maxItems: 200 })),
    /** Permissions whose rules would be removed. */
    remove: Type.Optional(Type.Array(PermissionValue, { maxItems: 200 })),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 400, default: 7 })),
  }),
  output: Type.Object({
    since: Timestamp,
    replayed: Type.Integer(),
    /** Whether there were more queries than one preview replays. */
    partial: Type.Boolean(),
    gains: Type.Array(Difference),
    losses: Type.Array(Difference),
    /** Queries that cannot be decided before or after the change: a condition reads data that was not recorded. */
    undecided: Type.Array(Difference),
    counts: Type.Object({ gains: Type.Integer(), losses: Type.Integer(), undecided: Type.Integer() }),
    revision: Type.String(),
  }),
  errors: [RoleNotFound, PermissionNotFound, EvaluationLimit, MemberNotFound, TooManyRequests],
  tenant: tenantOfQuery,
  async run({ state, services, principal, reading, fail }, { tenantId = null, roleId, set = [], remove = [], days = 7 }) {
    const now = services.clock.now();
    const since = new Date(now - days * dayMs);
    await state.recorder.flush();
    const { rules, recorded } = await reading(async (store, uses) => {
      const rules = await uses.access.rulesOfCustomRole(roleId, tenantId);
      if (rules === undefined) return fail(RoleNotFound, { field: "roleId" });
      const defined = await uses.access.definedAmong(set.map(({ permission }) => permission));
      const unknown = set.filter(({ permission }) => !defined.has(permission));
      if (unknown.length > 0) fail(PermissionNotFound, ...unknown.map(({ permission }) => ({ field: "set", permission })));
      for (const { condition } of set) await uses.access.checkCondition(condition ?? null);
      return { rules, recorded: await store.recordedQueries(tenantId, since, replayedMax + 1) };
    });
    const replay = replayer(roleId, changedRules(rules, set, remove));
    const shared = { ...queryContext({ state, principal, services }), now };
    const differences: Difference[] = [];
    for (const row of recorded.slice(0, replayedMax)) {
      const query = row.query as unknown as RecordedQuery;
      const outcomes = await evaluate(shared, { ...query, tenantId }, (target) => replay(target, query.actionType));
      if (outcomes !== undefined && outcomes.before !== outcomes.after) differences.push({ ...shown(row, query), ...outcomes });
    }
    const undecided = differences.filter(({ before, after }) => before === "invalid" || after === "invalid");
    const gains = differences.filter((each) => each.after === "allowed" && !undecided.includes(each));
    const losses = differences.filter((each) => each.after === "denied" && !undecided.includes(each));
    return {
      since: since.toISOString(),
      replayed: Math.min(recorded.length, replayedMax),
      partial: recorded.length > replayedMax,
      gains: gains.slice(0, listedMax),
      losses: losses.slice(0, listedMax),
      undecided: undecided.slice(0, listedMax),
      counts: { gains: gains.length, losses: losses.length, undecided: undecided.length },
      revision: services.revision,
    };
  },
});

function changedRules(rules: readonly Rule[], set: readonly Static<typeof RuleInput>[], remove: readonly string[]): readonly Rule[] {
  const unchanged = rules.filter(({ permission }) => !remove.includes(permission) && !set.some((rule) => rule.permission === permission));
  return [...unchanged, ...set.map(({ permission, effect = "allow", condition = null }) => ({ permission, effect, condition }))];
}

interface Outcomes {
  readonly before: Difference["before"];
  readonly after: Difference["after"];
}

/** Decides a query with the role as it is and as it would be. Compiles the changed role once. */
function replayer(roleId: string, rules: readonly Rule[]): (target: EvaluationTarget, action: string) => Outcomes | Pending {
  const changed = compileRules(rules);
  return ({ view, context }, action) => {
    const before = outcomeOf(() => decide(view, action, context));
    if (before === pendingDecision) return pendingDecision;
    const roles = view.facts.roles ?? [];
    if (!roles.some((role) => role?.id === roleId)) return { before, after: before };
    const changedRoles = roles.map((role) => (role?.id === roleId ? { ...role, rules: changed } : role));
    const after = outcomeOf(() => decide(new View(view.policy, { ...view.facts, roles: changedRoles }), action, context));
    return after === pendingDecision ? pendingDecision : { before, after };
  };
}

function outcomeOf(decideOn: () => Decision | Pending): Difference["before"] | Pending {
  try {
    const decision = decideOn();
    if (decision === pendingDecision) return pendingDecision;
    return decision.allowed ? "allowed" : "denied";
  } catch (error) {
    // A permission that was deleted meanwhile cannot be decided either.
    if (error instanceof PolicyError) return "invalid";
    throw error;
  }
}

const shown = ({ userId, times, lastAt }: RecordedQueryRow, { actionType, resourceType, resourceId }: RecordedQuery) => ({
  userId,
  actionType,
  resourceType: resourceType ?? null,
  resourceId: resourceId ?? null,
  times,
  lastAt: new Date(lastAt).toISOString(),
});
