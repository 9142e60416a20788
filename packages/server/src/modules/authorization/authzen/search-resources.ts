import { decide, resourcesByRelationInSteps } from "@gatehouse/policy";
import { EvaluationLimit } from "#modules/authorization/access/index.ts";
import {
  decideEach,
  evaluate,
  isOfResource,
  mayQuery,
  orTooMany,
  queryContext,
  queryPermissionMissing,
  reachableResources,
  tooMany,
  UndecidedOfPage,
} from "#modules/authorization/decisions/index.ts";
import { identified } from "#operation/declaration/authorization.ts";
import { PermissionDenied, TooManyRequests } from "#operation/declaration/errors.ts";
import { Type } from "#operation/declaration/schema.ts";
import { inSlices } from "#platform/time-slice.ts";
import { issueOf, requestOf, subjectOf, tenantOf } from "./check-request.ts";
import { Action, open, optionalFacts, SoughtResource, Subject } from "./entities.ts";
import { authzen } from "./module.ts";
import { PageInput, pageFrom, pagePositionOf } from "./page.ts";
import { refusalOf, unknownSubject } from "./refusal.ts";
import { contextOf, nothingFound, orNothing, SearchAnswer } from "./search.ts";

/**
 * AuthZEN 1.0, Resource Search (8.5): the resources in relationships on which the subject may perform the action, sorted by id, like
 * list-resources. All other resources are known to the application only: for them use `coverage` of list-resources, and the filter.
 */
export const searchResources = authzen.inMemoryQuery("searchResources", {
  http: "POST /access/v1/search/resource",
  summary: "AuthZEN: on which resources a subject may perform an action.",
  allow: identified({ appliesScopes: true }),
  input: Type.Object({ subject: Subject, action: Action, resource: SoughtResource, context: optionalFacts, page: PageInput }, open),
  output: SearchAnswer(Type.Object({ type: Type.String(), id: Type.String() })),
  errors: [PermissionDenied, EvaluationLimit, TooManyRequests],
  tenant: () => undefined,
  run: ({ state, services, principal, readingTenant, holds, fail }, { subject, action, resource, context, page }) =>
    orNothing(async () => {
      const about = subjectOf(subject);
      if (about === undefined) return nothingFound(unknownSubject);
      const tenantId = tenantOf(subject.properties, principal);
      if (!(await mayQuery({ principal, holds }, about.userId, tenantId))) fail(PermissionDenied, queryPermissionMissing);
      const { type } = resource;
      const refusal = refusalOf(issueOf({ type }));
      if (refusal) return nothingFound(refusal);
      const query = { subject: { ...about, properties: subject.properties }, action, type, properties: resource.properties, context };
      const position = pagePositionOf({ keys: services.keys, search: "resource", principal, tenantId, query, page });
      const shared = queryContext({ state, principal, services });
      const request = { ...about, tenantId, contextData: requestOf(context, action) };
      // If a role may allow the action, every resource is a candidate; else only those that the subject's relationships lead to.
      const found = await evaluate(shared, request, async ({ view, context: known }) => {
        // Evaluated before the role, because it rejects an unknown type.
        const byRelation = await orTooMany(() => inSlices(resourcesByRelationInSteps(view, action.name, type, known)));
        if (byRelation !== tooMany && typeof byRelation === "symbol") return byRelation;
        return { byRole: view.refusal === undefined && view.plan(action.name).allowing.length > 0 };
      });
      const all = (after: string | undefined, size: number) =>
        readingTenant(tenantId, (_store, uses) => uses.access.resourceIds(tenantId, type, after, size));
      const find = async (after: string | undefined) =>
        (await evaluate(shared, request, ({ view, context: known }) =>
          orTooMany(() => inSlices(resourcesByRelationInSteps(view, action.name, type, known, { after }))),
        )) ?? [];
      const undecided = new UndecidedOfPage();
      const chosen = await pageFrom(
        position,
        found?.byRole ? all : reachableResources(find, all),
        async (ids) => {
          const decided = await evaluate(shared, request, ({ view, context: known }) =>
            inSlices(decideEach(ids, (id) => decide(view, action.name, { ...known, resource: { type, id } }), isOfResource)),
          );
          return decided === undefined ? [] : undecided.take(decided);
        },
        shared.budget,
      );
      return { page: chosen.page, ...contextOf(type, undecided.until(chosen.end)), results: chosen.ids.map((id) => ({ type, id })) };
    }),
});
