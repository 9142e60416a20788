import { listActionsInSteps } from "@gatehouse/policy";
import { EvaluationLimit } from "#modules/authorization/access/index.ts";
import { batchesOf, evaluate, mayQuery, queryContext, queryPermissionMissing } from "#modules/authorization/decisions/index.ts";
import { identified } from "#operation/declaration/authorization.ts";
import { PermissionDenied, TooManyRequests } from "#operation/declaration/errors.ts";
import { Type } from "#operation/declaration/schema.ts";
import { inSlices } from "#platform/time-slice.ts";
import { issueOf, requestOf, resourceOf, subjectOf, tenantOf } from "./check-request.ts";
import { open, optionalFacts, Resource, Subject } from "./entities.ts";
import { authzen } from "./module.ts";
import { PageInput, pageFrom, pagePositionOf } from "./page.ts";
import { refusalOf, unknownSubject } from "./refusal.ts";
import { nothingFound, orNothing, SearchAnswer } from "./search.ts";

/** AuthZEN 1.0, Action Search (8.6): the actions that the subject may perform on the resource, sorted by name. */
export const searchActions = authzen.inMemoryQuery("searchActions", {
  http: "POST /access/v1/search/action",
  summary: "AuthZEN: which actions a subject may perform on a resource.",
  allow: identified({ appliesScopes: true }),
  input: Type.Object({ subject: Subject, resource: Resource, context: optionalFacts, page: PageInput }, open),
  output: SearchAnswer(Type.Object({ name: Type.String() })),
  errors: [PermissionDenied, EvaluationLimit, TooManyRequests],
  tenant: () => undefined,
  run: ({ state, services, principal, holds, fail }, { subject, resource, context, page }) =>
    orNothing(async () => {
      const about = subjectOf(subject);
      if (about === undefined) return nothingFound(unknownSubject);
      const tenantId = tenantOf(subject.properties, principal);
      if (!(await mayQuery({ principal, holds }, about.userId, tenantId))) fail(PermissionDenied, queryPermissionMissing);
      const refusal = refusalOf(issueOf(resource));
      if (refusal) return nothingFound(refusal);
      const query = { subject: { ...about, properties: subject.properties }, resource, context };
      const position = pagePositionOf({ keys: services.keys, search: "action", principal, tenantId, query, page });
      const request = { ...about, tenantId, ...resourceOf(resource), contextData: requestOf(context) };
      const shared = queryContext({ state, principal, services });
      const names = await evaluate(shared, request, ({ view, context: known }) =>
        inSlices(listActionsInSteps(view, { ...known, resource: { ...known.resource, type: resource.type } })),
      );
      const found = await pageFrom(position, batchesOf(names ?? []), async (ids) => ids, shared.budget);
      return { page: found.page, results: found.ids.map((name) => ({ name })) };
    }),
});
