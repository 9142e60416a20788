import { decide, type Filter, filterOfCertainInSteps, resourcesByRelationInSteps } from "@gatehouse/policy";
import {
  EvaluationLimit,
  MemberNotFound,
  ModelName,
  PermissionValue,
  ResourceRef,
  UnknownPermission,
  UnknownResourceType,
} from "#modules/authorization/access/index.ts";
import { TooManyRequests } from "#operation/declaration/errors.ts";
import { principalKey } from "#operation/declaration/principal.ts";
import { nullable, oneOf, Paging, pageDefault, Type } from "#operation/declaration/schema.ts";
import { inSlices } from "#platform/time-slice.ts";
import { RequestContextInput, SubjectInput } from "../check.ts";
import { aboutUser, evaluate, queryContext, tenantOfQuery } from "../evaluate.ts";
import { decisions } from "../module.ts";
import { orTooMany, reachableResources, tooMany } from "../reachable-resources.ts";
import { scanPage } from "../scan-page.ts";
import { decideEach, isOfResource, Missing, UndecidedOfPage } from "../undecided.ts";

/**
 * Lists the resources in relationships that a user may act on, sorted by id. All other resources are known to the application only. If a role
 * allows the action on every resource, or on those with certain attributes, `coverage` says so and the filter selects them. Resources that
 * cannot be decided without more data are in `undecided`.
 */
export const listResources = decisions.inMemoryQuery("listResources", {
  http: "POST /api/v1/iam/authorization/list-resources",
  summary: "Which resources a user may act on.",
  allow: aboutUser,
  absent: MemberNotFound,
  input: Type.Object({ ...SubjectInput, actionType: PermissionValue, resourceType: ModelName, ...RequestContextInput, ...Paging }),
  output: Type.Object({
    items: Type.Array(ResourceRef),
    /** Candidates of this page that cannot be decided without more data, a hundred at most. */
    undecided: Type.Array(Type.Object({ ...ResourceRef.properties, missing: Missing })),
    nextCursor: nullable(Type.String()),
    /** `listed`: the listed ones are all. `all`: every resource of the type. `filtered`: in addition those that the filter selects. */
    coverage: oneOf("listed", "all", "filtered"),
    revision: Type.String(),
  }),
  errors: [UnknownPermission, UnknownResourceType, EvaluationLimit, MemberNotFound, TooManyRequests],
  tenant: tenantOfQuery,
  async run({ state, services, principal, reading, fail }, request) {
    const { actionType, resourceType: type, limit = pageDefault, cursor, tenantId = null } = request;
    const shared = queryContext({ state, principal, services });
    const subject = { ...request, resourceType: null };
    const found = await evaluate(shared, subject, async ({ view, context }) => {
      const chosen = await orTooMany(() => inSlices(filterOfCertainInSteps(view, actionType, type, context)));
      if (chosen !== tooMany && typeof chosen === "symbol") return chosen;
      const byRole = view.refusal === undefined && view.plan(actionType).allowing.length > 0;
      // Resources by relationships are listed in any case; roles may allow further ones.
      const coverage = chosen === tooMany ? (byRole ? ("filtered" as const) : ("listed" as const)) : coverageOf(chosen.filter);
      return { coverage, byRole };
    });
    if (found === undefined) return fail(MemberNotFound);
    const all = (after: string | undefined, size: number) =>
      reading((_store, uses) => uses.access.resourceIds(tenantId, type, after, size));
    const find = async (after: string | undefined) =>
      (await evaluate(shared, subject, ({ view, context }) =>
        orTooMany(() => inSlices(resourcesByRelationInSteps(view, actionType, type, context, { after }))),
      )) ?? [];
    const undecided = new UndecidedOfPage();
    const { items, nextCursor, end } = await scanPage(
      {
        keys: services.keys,
        list: `decisions.listResources ${principalKey(principal)} ${tenantId} ${type} ${request.userId} ${actionType}`,
        limit,
        cursor,
      },
      // If a role may allow the action, every resource is a candidate; else only those that the user's relationships lead to.
      found.byRole ? all : reachableResources(find, all),
      async (ids) => {
        const decided = await evaluate(shared, subject, ({ view, context }) =>
          inSlices(decideEach(ids, (id) => decide(view, actionType, { ...context, resource: { type, id } }), isOfResource)),
        );
        return decided === undefined ? [] : undecided.take(decided);
      },
      shared.budget,
    );
    return {
      items: items.map((id) => ({ type, id })),
      undecided: undecided.until(end).map(({ id, missing }) => ({ type, id, missing: [...missing] })),
      nextCursor,
      coverage: found.coverage,
      revision: services.revision,
    };
  },
});

function coverageOf(chosen: Filter): "listed" | "all" | "filtered" {
  if (chosen.kind === "always") return "all";
  return namesOnly(chosen) ? "listed" : "filtered";
}

/** Whether a filter selects resources by their ids alone. */
function namesOnly(chosen: Filter): boolean {
  if (chosen.kind === "never") return true;
  if (chosen.kind === "any") return chosen.of.every(namesOnly);
  if (chosen.kind === "all") return chosen.of.some(namesOnly);
  return (
    chosen.kind === "compare" &&
    (chosen.operator === "equals" || chosen.operator === "in") &&
    "attribute" in chosen.left &&
    chosen.left.attribute === "id" &&
    chosen.right !== undefined &&
    "value" in chosen.right
  );
}
