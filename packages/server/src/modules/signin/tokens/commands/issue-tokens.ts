import { internal } from "#operation/declaration/authorization.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { SubjectNotFound } from "../errors.ts";
import { TokenIssuer } from "../issuer.ts";
import { TokenPair } from "../model.ts";
import { tokens } from "../module.ts";
import { prepareIssue, roleNames } from "../prepare-issue.ts";
import { requireService } from "../require-service.ts";

/**
 * Starts a session of a user whom the calling service has authenticated itself, and issues its tokens. Only for service accounts: the caller
 * vouches for the user.
 */
export const issueTokens = tokens.command("issueTokens", {
  http: "POST /api/v1/token/issue",
  summary: "Issue tokens to a user whom the calling service has authenticated.",
  allow: internal("Token.Issue"),
  audit: { action: "Token.Issued", category: "Security", severity: "Warning", entity: "Session" },
  everyTenant: "a sign-in service serves every organization",
  input: Type.Object({
    userId: Uuid,
    organizationId: Type.Optional(nullable(Uuid)),
    /** The authentication methods (RFC 8176). */
    methods: Type.Array(Type.String({ pattern: "^[a-z][a-z0-9_-]{0,31}$" }), { minItems: 1, maxItems: 10, uniqueItems: true }),
    /** The party that authenticated the user. */
    authProvider: Type.String({ pattern: "^[a-z][a-z0-9_.-]{0,63}$" }),
    ipAddress: Type.Optional(Type.String({ maxLength: 45 })),
    userAgent: Type.Optional(Type.String({ maxLength: 500 })),
  }),
  output: Type.Object({ ...TokenPair.properties, sessionId: Uuid }),
  errors: [SubjectNotFound],
  tenant: () => undefined,
  async prepare({ reading, cached, state, identified }, { userId, organizationId = null }) {
    requireService(identified);
    const roles = await reading(async (_store, { access }) => roleNames(access, userId, organizationId));
    return prepareIssue(state.keys, cached.decisions, { userId, organizationId, roles });
  },
  async run({ store, uses, state, services, emit, fail, audit, now }, input, issuing) {
    const { userId, organizationId = null, methods, authProvider } = input;
    const facts = await uses.identity.lockSessionFacts(userId);
    if (facts?.status !== "Active") return fail(SubjectNotFound);
    if (organizationId !== null) {
      const isActive = (await uses.tenancy.organizationStatus(organizationId)) === "Active";
      if (!isActive || !(await uses.tenancy.isMember(userId, organizationId))) fail(SubjectNotFound);
    }
    const session = await uses.sessions.begin({
      userId,
      organizationId,
      userEpoch: facts.sessionEpoch,
      methods,
      authProvider,
      ipAddress: input.ipAddress ?? null,
      userAgent: input.userAgent ?? null,
      absoluteSeconds: services.settings.sessionAbsoluteSeconds,
      sessionsMax: services.settings.sessionsPerUser,
      renewable: true,
    });
    audit({ entity: { type: "Session", id: session.id }, organizationId, after: { userId, methods, authProvider } });
    const issuer = new TokenIssuer({ platform: state.platform, store, emit, now });
    return { ...(await issuer.issue(session, issuing)), sessionId: session.id };
  },
});
