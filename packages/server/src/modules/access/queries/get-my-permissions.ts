import { signedIn } from "../../../operation/authorization.ts";
import { nullable, Type, Uuid } from "../../../operation/schema.ts";
import { access } from "../module.ts";

/** What the signed-in user may do in an organization, or in the session's scope: for an interface to show or hide. */
export const getMyPermissions = access.memoryQuery("getMyPermissions", {
  http: "GET /api/v1/iam/users/me/permissions",
  summary: "The own permissions in an organization or in the session's scope.",
  allow: signedIn(),
  input: Type.Object({ organizationId: Type.Optional(Uuid) }),
  output: Type.Object({ organizationId: nullable(Uuid), permissions: Type.Array(Type.String()), revision: Type.String() }),
  tenant: () => undefined,
  async run({ state, user, platform }, input) {
    const organizationId = input.organizationId ?? user.organizationId;
    // A session that was begun for one organization says nothing of another.
    const hidden = user.organizationId !== null && organizationId !== user.organizationId;
    const permissions = hidden ? [] : await state.permissionsOf(user.userId, organizationId);
    return { organizationId, permissions: [...permissions], revision: platform.log.revision };
  },
});
