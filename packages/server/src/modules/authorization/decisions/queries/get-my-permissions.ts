import { identified } from "#operation/declaration/authorization.ts";
import { isForeignTo } from "#operation/declaration/principal.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { scopesOf } from "../credential-scopes.ts";
import { decisions } from "../module.ts";

const nothing = { always: [], conditional: [] };

/** What the principal may do in an organization, or in the scope of its credential: for an interface to show or hide. */
export const getMyPermissions = decisions.inMemoryQuery("getMyPermissions", {
  http: "GET /api/v1/iam/users/me/permissions",
  summary: "The own permissions in an organization or in the session's scope.",
  allow: identified({ appliesScopes: true }),
  input: Type.Object({ organizationId: Type.Optional(Uuid) }),
  output: Type.Object({
    organizationId: nullable(Uuid),
    permissions: Type.Array(Type.String()),
    /** What depends on the resource, the request or the plan: only a check can tell. */
    conditionalPermissions: Type.Array(Type.String()),
    revision: Type.String(),
  }),
  tenant: () => undefined,
  async run({ state, identified: principal, services }, input) {
    const organizationId = input.organizationId ?? principal.organizationId;
    // A credential that is for one organization says nothing of another.
    const isHidden = isForeignTo(principal, organizationId);
    const { always, conditional } = isHidden ? nothing : await state.permissionsOf(principal.id, organizationId, scopesOf(principal));
    return { organizationId, permissions: [...always], conditionalPermissions: [...conditional], revision: services.revision };
  },
});
