import { decide } from "@gatehouse/policy";
import {
  EvaluationLimit,
  MemberNotFound,
  PermissionValue,
  UnknownPermission,
  UnknownResourceType,
} from "#modules/authorization/access/index.ts";
import { TooManyRequests } from "#operation/declaration/errors.ts";
import { principalKey } from "#operation/declaration/principal.ts";
import { nullable, Page, Paging, pageDefault, Type, Uuid } from "#operation/declaration/schema.ts";
import { inSlices } from "#platform/time-slice.ts";
import { RequestContextInput, ResourceInput } from "../check.ts";
import { withoutSystemRoles } from "../direct-access.ts";
import { aboutTenant, evaluate, queryContext, tenantOfQuery } from "../evaluate.ts";
import { decisions } from "../module.ts";
import { decidedAmong, scanPage } from "../scan-page.ts";
import { type DecidedItems, decideEach, Missing, UndecidedOfPage } from "../undecided.ts";

/**
 * Lists the members and service accounts of a tenant who may act on a resource, sorted by id. A subject without an attribute that a
 * condition reads is left out. Subjects that cannot be decided without more request data are in `undecided`.
 */
export const listSubjects = decisions.inMemoryQuery("listSubjects", {
  http: "POST /api/v1/iam/authorization/list-subjects",
  summary: "Which users and service accounts may act on a resource.",
  allow: aboutTenant,
  absent: MemberNotFound,
  input: Type.Object({
    tenantId: Type.Optional(nullable(Uuid)),
    actionType: PermissionValue,
    ...ResourceInput,
    ...RequestContextInput,
    /** Leaves out members who may only because of a system role: an owner is in every list otherwise. */
    direct: Type.Optional(Type.Boolean()),
    ...Paging,
  }),
  output: Type.Object({
    ...Page(Type.Object({ type: Type.String(), id: Uuid })).properties,
    /** Candidates of this page that cannot be decided without more data, a hundred at most. */
    undecided: Type.Array(Type.Object({ type: Type.String(), id: Uuid, missing: Missing })),
    revision: Type.String(),
  }),
  errors: [UnknownPermission, UnknownResourceType, EvaluationLimit, MemberNotFound, TooManyRequests],
  tenant: tenantOfQuery,
  async run({ state, services, principal, reading }, request) {
    const { actionType, tenantId = null, direct = false, limit = pageDefault, cursor } = request;
    const shared = queryContext({ state, principal, services });
    const types = new Map<string, string>();
    const decideOn = async (userId: string): Promise<DecidedItems> =>
      (await evaluate(shared, { ...request, userId }, ({ view, context }) => {
        types.set(userId, view.subject.type);
        return inSlices(decideEach([userId], () => decide(direct ? withoutSystemRoles(view) : view, actionType, context), isOfUser));
      })) ?? { allowed: [], undecided: [] };
    const typeOf = (id: string): string => types.get(id) ?? "user";
    const undecided = new UndecidedOfPage();
    const about = JSON.stringify([
      tenantId,
      actionType,
      request.resourceType ?? null,
      request.resourceId ?? null,
      ...(direct ? ["direct"] : []),
    ]);
    const { items, nextCursor, end } = await scanPage(
      { keys: services.keys, list: `decisions.listSubjects ${principalKey(principal)} ${about}`, limit, cursor },
      (after, size) => reading((_store, uses) => uses.access.memberIds(tenantId, after, size)),
      async (ids) => undecided.take(await decidedAmong(ids, decideOn)),
      shared.budget,
    );
    return {
      items: items.map((id) => ({ type: typeOf(id), id })),
      undecided: undecided.until(end).map(({ id, missing }) => ({ type: typeOf(id), id, missing: [...missing] })),
      nextCursor,
      revision: services.revision,
    };
  },
});

const isOfUser = (field: string): boolean => field.startsWith("$user.");
