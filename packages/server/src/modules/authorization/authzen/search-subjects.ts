import { decide } from "@gatehouse/policy";
import { EvaluationLimit } from "#modules/authorization/access/index.ts";
import {
  type DecidedItems,
  decidedAmong,
  decideEach,
  evaluate,
  mayQuery,
  queryContext,
  queryPermissionMissing,
  UndecidedOfPage,
  withoutSystemRoles,
} from "#modules/authorization/decisions/index.ts";
import { identified } from "#operation/declaration/authorization.ts";
import { PermissionDenied, TooManyRequests } from "#operation/declaration/errors.ts";
import { Type } from "#operation/declaration/schema.ts";
import { inSlices } from "#platform/time-slice.ts";
import { checkOf, issueOf, kindOf, tenantOf } from "./check-request.ts";
import { Action, open, optionalFacts, Resource, SoughtSubject } from "./entities.ts";
import { authzen } from "./module.ts";
import { PageInput, pageFrom, pagePositionOf } from "./page.ts";
import { refusalOf, unknownSubject } from "./refusal.ts";
import { contextOf, nothingFound, orNothing, SearchAnswer } from "./search.ts";

/**
 * AuthZEN 1.0, Subject Search (8.4): the members, or the service accounts, of the tenant who may perform the action, sorted by id. The
 * subject's property `direct: true` leaves out subjects who may only because of a system role.
 */
export const searchSubjects = authzen.inMemoryQuery("searchSubjects", {
  http: "POST /access/v1/search/subject",
  summary: "AuthZEN: which subjects may perform an action on a resource.",
  allow: identified({ appliesScopes: true }),
  input: Type.Object({ subject: SoughtSubject, action: Action, resource: Resource, context: optionalFacts, page: PageInput }, open),
  output: SearchAnswer(Type.Object({ type: Type.String(), id: Type.String() })),
  errors: [PermissionDenied, EvaluationLimit, TooManyRequests],
  tenant: () => undefined,
  run: ({ state, services, principal, readingTenant, holds, fail }, { subject, action, resource, context, page }) =>
    orNothing(async () => {
      const tenantId = tenantOf(subject.properties, principal);
      if (!(await mayQuery({ principal, holds }, undefined, tenantId))) fail(PermissionDenied, queryPermissionMissing);
      const subjectKind = kindOf(subject.type);
      if (subjectKind === undefined) return nothingFound(unknownSubject);
      const refusal = refusalOf(issueOf(resource));
      if (refusal) return nothingFound(refusal);
      // Each type has its own list: a cursor of one is not valid for the other.
      const query = { ...(subjectKind === "user" ? {} : { subjectKind }), properties: subject.properties, action, resource, context };
      const position = pagePositionOf({ keys: services.keys, search: "subject", principal, tenantId, query, page });
      const shared = queryContext({ state, principal, services });
      const direct = subject.properties?.["direct"] === true;
      const decideOn = async (userId: string): Promise<DecidedItems> =>
        (await evaluate(shared, checkOf({ action, resource, context }, { userId, subjectKind, tenantId }), ({ view, context: known }) =>
          inSlices(decideEach([userId], () => decide(direct ? withoutSystemRoles(view) : view, action.name, known), isOfUser)),
        )) ?? { allowed: [], undecided: [] };
      const undecided = new UndecidedOfPage();
      const found = await pageFrom(
        position,
        (after, size) => readingTenant(tenantId, (_store, uses) => uses.access.memberIds(tenantId, after, size)),
        async (ids) => undecided.take(await decidedAmong(ids, decideOn)),
        shared.budget,
      );
      return {
        page: found.page,
        ...contextOf(subjectKind, undecided.until(found.end)),
        results: found.ids.map((id) => ({ type: subjectKind, id })),
      };
    }),
});

/** A missing attribute of a member is a denial, as in an evaluation. */
const isOfUser = (field: string): boolean => field.startsWith("$user.");
