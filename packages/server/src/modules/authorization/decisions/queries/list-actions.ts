import { listActionsInSteps } from "@gatehouse/policy";
import { EvaluationLimit, MemberNotFound, ModelName, UnknownResourceType } from "#modules/authorization/access/index.ts";
import { TooManyRequests } from "#operation/declaration/errors.ts";
import { Type } from "#operation/declaration/schema.ts";
import { inSlices } from "#platform/time-slice.ts";
import { RequestContextInput, ResourceInput, SubjectInput } from "../check.ts";
import { aboutUser, evaluate, queryContext, tenantOfQuery } from "../evaluate.ts";
import { decisions } from "../module.ts";

/** Lists the actions that a user may perform on a resource: one query instead of a check for each button of a page. */
export const listActions = decisions.inMemoryQuery("listActions", {
  http: "POST /api/v1/iam/authorization/list-actions",
  summary: "Which actions a user may perform on a resource.",
  allow: aboutUser,
  absent: MemberNotFound,
  input: Type.Object({ ...SubjectInput, ...ResourceInput, resourceType: ModelName, ...RequestContextInput }),
  output: Type.Object({ actions: Type.Array(Type.String()), revision: Type.String() }),
  errors: [UnknownResourceType, EvaluationLimit, MemberNotFound, TooManyRequests],
  tenant: tenantOfQuery,
  async run({ state, services, principal, fail }, request) {
    const actions = await evaluate(queryContext({ state, principal, services }), request, ({ view, context }) =>
      inSlices(listActionsInSteps(view, { ...context, resource: { ...context.resource, type: request.resourceType } })),
    );
    if (actions === undefined) return fail(MemberNotFound);
    return { actions: [...actions], revision: services.revision };
  },
});
