import { signedIn } from "#operation/authorization.ts";
import { nullable, Type, Uuid } from "#operation/schema.ts";
import { decisions } from "../module.ts";

const nothing = { always: [], conditional: [] };

/** What the signed-in user may do in an organization, or in the session's scope: for an interface to show or hide. */
export const getMyPermissions = decisions.memoryQuery("getMyPermissions", {
  releasedAs: "access.getMyPermissions",
  http: "GET /api/v1/iam/users/me/permissions",
  summary: "The own permissions in an organization or in the session's scope.",
  allow: signedIn(),
  input: Type.Object({ organizationId: Type.Optional(Uuid) }),
  output: Type.Object({
    organizationId: nullable(Uuid),
    permissions: Type.Array(Type.String()),
    /** What depends on the resource, the request or the plan: only a check can tell. */
    conditionalPermissions: Type.Array(Type.String()),
    revision: Type.String(),
  }),
  tenant: () => undefined,
  async run({ state, user, services }, input) {
    const organizationId = input.organizationId ?? user.organizationId;
    // A session that was begun for one organization says nothing of another.
    const hidden = user.organizationId !== null && organizationId !== user.organizationId;
    const { always, conditional } = hidden ? nothing : await state.permissionsOf(user.userId, organizationId);
    return { organizationId, permissions: [...always], conditionalPermissions: [...conditional], revision: services.revision };
  },
});
