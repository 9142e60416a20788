import { decide, PolicyError } from "@gatehouse/policy";
import { signedIn } from "../../../operation/authorization.ts";
import { PermissionDenied } from "../../../operation/errors.ts";
import { Type } from "../../../operation/schema.ts";
import { pose } from "../asking.ts";
import { withoutSystemRoles } from "../direct-access.ts";
import { EvaluationLimit } from "../errors.ts";
import { access } from "../module.ts";
import { chosenAmong } from "../scan-page.ts";
import { Action, open, optionalFacts, Resource, SoughtSubject } from "./entities.ts";
import { lacking, mayAsk } from "./may-ask.ts";
import { PageInput, pageFrom, placeOf } from "./page.ts";
import { checkOf, faultOf, tenantOf, userType } from "./question.ts";
import { refusalOf, unknownSubject } from "./refusal.ts";
import { nothingFound, orNothing, SearchAnswer } from "./search.ts";

/**
 * AuthZEN 1.0, Subject Search (8.4): the members of the tenant who may, in the order of their ids. With `direct: true` among the
 * properties of the subject, who may by a role of the system alone is left out.
 */
export const searchSubjects = access.memoryQuery("searchSubjects", {
  http: "POST /access/v1/search/subject",
  summary: "AuthZEN: which subjects may perform an action on a resource.",
  allow: signedIn(),
  input: Type.Object({ subject: SoughtSubject, action: Action, resource: Resource, context: optionalFacts, page: PageInput }, open),
  output: SearchAnswer(Type.Object({ type: Type.String(), id: Type.String() })),
  errors: [PermissionDenied, EvaluationLimit],
  tenant: () => undefined,
  run: ({ state, platform, caller, reading, fail }, { subject, action, resource, context, page }) =>
    orNothing(async () => {
      const tenantId = tenantOf(subject.properties, caller);
      if (!(await mayAsk({ state, caller }, undefined, tenantId))) fail(PermissionDenied, lacking);
      if (subject.type !== userType) return nothingFound(unknownSubject);
      const refusal = refusalOf(faultOf(resource));
      if (refusal) return nothingFound(refusal);
      const query = { properties: subject.properties, action, resource, context };
      const place = placeOf({ keys: platform.keys, search: "subject", caller, tenantId, query, page });
      const asking = { state, caller, now: platform.clock.now() };
      const direct = subject.properties?.["direct"] === true;
      const mayAct = async (userId: string): Promise<boolean> => {
        const question = checkOf({ action, resource, context }, { userId, tenantId });
        const may = await pose(asking, question, ({ view, occasion }) => {
          const decision = orUndecided(() => decide(direct ? withoutSystemRoles(view) : view, action.name, occasion));
          return typeof decision === "symbol" ? decision : decision?.allowed === true;
        });
        return may === true;
      };
      const found = await pageFrom(
        place,
        (after, size) => reading((store) => store.memberIds(tenantId, after, size)),
        (ids) => chosenAmong(ids, mayAct),
      );
      return { page: found.page, results: found.ids.map((id) => ({ type: userType, id })) };
    }),
});

/** Of whom it cannot be decided without more than was sent, an evaluation would say no as well. */
function orUndecided<Decided>(decideNow: () => Decided): Decided | undefined {
  try {
    return decideNow();
  } catch (error) {
    if (error instanceof PolicyError && error.code === "invalid_input") return undefined;
    throw error;
  }
}
