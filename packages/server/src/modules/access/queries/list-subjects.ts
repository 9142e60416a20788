import { decide, PolicyError } from "@gatehouse/policy";
import { nullable, Page, Paging, pageDefault, Type, Uuid } from "../../../operation/schema.ts";
import { aboutTenant, pose, tenantOfQuestion } from "../asking.ts";
import { OccasionInput, ResourceInput } from "../check.ts";
import { withoutSystemRoles } from "../direct-access.ts";
import { EvaluationLimit, MemberNotFound, UnknownPermission, UnknownResourceType } from "../errors.ts";
import { PermissionValue } from "../model.ts";
import { access } from "../module.ts";
import { chosenAmong, scanPage } from "../scan-page.ts";

/**
 * The members of a tenant who may act on a resource, in the order of their ids. One of whom a condition asks something that is not
 * noted about him is not among them; what the request itself lacks is an error.
 */
export const listSubjects = access.memoryQuery("listSubjects", {
  http: "POST /api/v1/iam/authorization/list-subjects",
  summary: "Which users may act on a resource.",
  allow: aboutTenant,
  absent: MemberNotFound,
  input: Type.Object({
    tenantId: Type.Optional(nullable(Uuid)),
    actionType: PermissionValue,
    ...ResourceInput,
    ...OccasionInput,
    /** Leaves out who may by a role of the system alone: an owner may everything, and is of every list. */
    direct: Type.Optional(Type.Boolean()),
    ...Paging,
  }),
  output: Type.Object({ ...Page(Type.Object({ type: Type.String(), id: Uuid })).properties, revision: Type.String() }),
  errors: [UnknownPermission, UnknownResourceType, EvaluationLimit, MemberNotFound],
  tenant: tenantOfQuestion,
  async run({ state, platform, caller, reading }, request) {
    const { actionType, tenantId = null, direct = false, limit = pageDefault, cursor } = request;
    const asking = { state, caller, now: platform.clock.now() };
    const mayAct = async (userId: string): Promise<boolean> =>
      (await pose(asking, { ...request, userId }, ({ view, occasion }) => {
        try {
          const decision = decide(direct ? withoutSystemRoles(view) : view, actionType, occasion);
          return typeof decision === "symbol" ? decision : decision.allowed;
        } catch (error) {
          if (error instanceof PolicyError && isAboutUser(error)) return false;
          throw error;
        }
      })) ?? false;
    const about = JSON.stringify([
      tenantId,
      actionType,
      request.resourceType ?? null,
      request.resourceId ?? null,
      ...(direct ? ["direct"] : []),
    ]);
    const { items, nextCursor } = await scanPage(
      { keys: platform.keys, list: `access.listSubjects ${about}`, limit, cursor },
      (after, size) => reading((store) => store.memberIds(tenantId, after, size)),
      (ids) => chosenAmong(ids, mayAct),
    );
    return { items: items.map((id) => ({ type: "user", id })), nextCursor, revision: platform.log.revision };
  },
});

/** Every place that is wrong is of the user's own attributes. */
const isAboutUser = ({ code, faults }: PolicyError): boolean =>
  code === "invalid_input" && faults.every(({ field }) => field.startsWith("$user."));
