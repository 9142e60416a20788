import { either, internal, permission } from "#operation/declaration/authorization.ts";
import { OrganizationInactive } from "#operation/declaration/errors.ts";
import { sessionIdOf } from "#operation/declaration/principal.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { ScopeNotHeld, SessionRequired, SubjectNotFound } from "../errors.ts";
import { TokenIssuer } from "../issuer.ts";
import { ExchangedToken, Scopes } from "../model.ts";
import { tokens } from "../module.ts";

const impersonateMember = "Organization.ImpersonateMember";

/**
 * Issues a token by which an administrator acts as a member of an organization (RFC 8693 §1.1, impersonation with `act`). It is limited to scopes, ends
 * with the administrator's session, and the member sees it.
 */
export const impersonateUser = tokens.command("impersonateUser", {
  http: "POST /api/v1/token/impersonate",
  summary: "Get a token to act as a member of an organization.",
  allow: either(permission(impersonateMember), internal("User.Impersonate")),
  audit: { action: "User.Impersonated", category: "Security", severity: "Critical", entity: "User" },
  limit: { per: "principal", points: 3_000, seconds: 3_600 },
  absent: SubjectNotFound,
  everyTenant: "an internal administrator is not a member of the organization",
  input: Type.Object({ organizationId: Uuid, userId: Uuid, scopes: Scopes, reason: Type.String({ minLength: 1, maxLength: 500 }) }),
  output: ExchangedToken,
  errors: [SubjectNotFound, ScopeNotHeld, SessionRequired, OrganizationInactive],
  async prepare({ state, user, holds, requireHeld, fail }, { organizationId, scopes }) {
    // A token by which another principal acts cannot be exchanged for another.
    const sessionId = sessionIdOf(user) ?? fail(SessionRequired);
    // Impersonation in an organization gives no permission that the caller does not hold. An internal administrator has none there.
    const isMember = await holds(organizationId, impersonateMember);
    if (isMember) await requireHeld(organizationId, scopes, { error: ScopeNotHeld, field: "scopes" });
    return { key: (await state.keys.find()).current(), sessionId };
  },
  async run({ store, uses, state, user, emit, fail, audit, now }, { organizationId, userId, scopes, reason }, { key, sessionId }) {
    const session = (await uses.sessions.use(sessionId)) ?? fail(SessionRequired);
    if ((await uses.tenancy.organizationStatus(organizationId)) !== "Active") fail(OrganizationInactive);
    const subject = await uses.identity.userById(userId);
    const isMember = subject?.status === "Active" && (await uses.tenancy.isMember(userId, organizationId));
    if (!isMember || userId === user.id) return fail(SubjectNotFound);
    const actor = { kind: "user" as const, id: user.id };
    const exchange = { kind: "impersonation" as const, userId, organizationId, actor, session, scopes, reason };
    const issued = await new TokenIssuer({ platform: state.platform, store, emit, now }).exchange(exchange, key);
    audit({ entity: { type: "User", id: userId }, after: { tokenId: issued.tokenId, scopes, reason } });
    return issued;
  },
});
