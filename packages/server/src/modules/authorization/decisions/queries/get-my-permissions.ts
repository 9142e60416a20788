import { identified } from "#operation/declaration/authorization.ts";
import { isForeignTo } from "#operation/declaration/principal.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { holderOf } from "../credential-scopes.ts";
import { decisions } from "../module.ts";

const nothing = { always: [], conditional: [] };

/** Lists the caller's permissions in an organization, or in the scope of its credential, for user interfaces. */
export const getMyPermissions = decisions.inMemoryQuery("getMyPermissions", {
  http: "GET /api/v1/iam/users/me/permissions",
  summary: "The own permissions in an organization or in the session's scope.",
  allow: identified({ appliesScopes: true }),
  input: Type.Object({ organizationId: Type.Optional(Uuid) }),
  output: Type.Object({
    organizationId: nullable(Uuid),
    permissions: Type.Array(Type.String()),
    /** Permissions that depend on the resource, the request or the plan: only a check decides them. */
    conditionalPermissions: Type.Array(Type.String()),
    revision: Type.String(),
  }),
  tenant: () => undefined,
  async run({ state, identified: principal, services }, input) {
    const organizationId = input.organizationId ?? principal.organizationId;
    // A credential of one organization reveals nothing about another.
    const isHidden = isForeignTo(principal, organizationId);
    const { always, conditional } = isHidden ? nothing : await state.permissionsOf(principal.id, organizationId, holderOf(principal));
    return { organizationId, permissions: [...always], conditionalPermissions: [...conditional], revision: services.revision };
  },
});
