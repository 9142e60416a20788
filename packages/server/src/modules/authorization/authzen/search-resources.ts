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
import { issueOf, requestOf, tenantOf, userOf } from "./check-request.ts";
import { Action, open, optionalFacts, SoughtResource, Subject } from "./entities.ts";
import { authzen } from "./module.ts";
import { PageInput, pageFrom, placeOf } from "./page.ts";
import { refusalOf, unknownSubject } from "./refusal.ts";
import { contextOf, nothingFound, orNothing, SearchAnswer } from "./search.ts";

/**
 * AuthZEN 1.0, Resource Search (8.5): of the resources that relationships know, those that the subject may act on, in the order of
 * their ids, as list-resources has them. Others live in the product: what a role gives on those, list-resources and the filter say.
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
      const userId = userOf(subject);
      if (userId === undefined) return nothingFound(unknownSubject);
      const tenantId = tenantOf(subject.properties, principal);
      if (!(await mayQuery({ principal, holds }, userId, tenantId))) fail(PermissionDenied, queryPermissionMissing);
      const { type } = resource;
      const refusal = refusalOf(issueOf({ type }));
      if (refusal) return nothingFound(refusal);
      const query = { subject: { userId, properties: subject.properties }, action, type, properties: resource.properties, context };
      const place = placeOf({ keys: services.keys, search: "resource", principal, tenantId, query, page });
      const shared = queryContext({ state, principal, services });
      const question = { userId, tenantId, contextData: requestOf(context, action) };
      // A role may allow what no relationship of the user leads to; else there is no need to look at all that there is.
      const found = await evaluate(shared, question, async ({ view, context: known }) => {
        // Evaluated before the role is, because it refuses an unknown type.
        const byRelation = await orTooMany(() => inSlices(resourcesByRelationInSteps(view, action.name, type, known)));
        if (byRelation !== tooMany && typeof byRelation === "symbol") return byRelation;
        return { byRole: view.refusal === undefined && view.plan(action.name).allowing.length > 0 };
      });
      const all = (after: string | undefined, size: number) =>
        readingTenant(tenantId, (_store, uses) => uses.access.resourceIds(tenantId, type, after, size));
      const find = async (after: string | undefined) =>
        (await evaluate(shared, question, ({ view, context: known }) =>
          orTooMany(() => inSlices(resourcesByRelationInSteps(view, action.name, type, known, { after }))),
        )) ?? [];
      const undecided = new UndecidedOfPage();
      const chosen = await pageFrom(
        place,
        found?.byRole ? all : reachableResources(find, all),
        async (ids) => {
          const decided = await evaluate(shared, question, ({ view, context: known }) =>
            inSlices(decideEach(ids, (id) => decide(view, action.name, { ...known, resource: { type, id } }), isOfResource)),
          );
          return decided === undefined ? [] : undecided.take(decided);
        },
        shared.budget,
      );
      return { page: chosen.page, ...contextOf(type, undecided.until(chosen.end)), results: chosen.ids.map((id) => ({ type, id })) };
    }),
});
