/** The credential that authenticated a principal. Only authenticators know its form (authenticators.ts). */
export interface Credential {
  readonly kind: "session" | "accessToken" | "apiKey";
  readonly id: string;
  /** The session that an access token is a credential of. */
  readonly sessionId?: string;
  /**
   * The permissions that the credential is limited to; each includes its descendants. Absent: no limit. Empty: nothing is permitted.
   */
  readonly scopes?: readonly string[];
  /** The time of the authentication, in milliseconds since 1970. */
  readonly authenticatedAt: number;
  /** The authentication methods (RFC 8176). */
  readonly methods: readonly string[];
}

/** The party that acts for the principal: impersonation and delegation (RFC 8693 §4.1, `act`). */
export interface Actor {
  readonly kind: "user" | "service";
  readonly id: string;
}

interface Identified<Kind extends "user" | "service"> {
  readonly kind: Kind;
  readonly id: string;
  /** The organization that the credential is for; null where it is for none, as in the internal scope. */
  readonly organizationId: string | null;
  readonly credential: Credential;
  readonly actor?: Actor;
}

export type UserPrincipal = Identified<"user">;
/** A program with an identity of its own. It holds roles as a member does; it has no profile and no sessions. */
export type ServicePrincipal = Identified<"service">;
/** A principal with an id and a credential. */
export type IdentifiedPrincipal = UserPrincipal | ServicePrincipal;

/** The caller. `operator` is the command line on the server's own machine; `system` is the product's own background work. */
export type Principal = { readonly kind: "anonymous" } | IdentifiedPrincipal | { readonly kind: "operator" } | { readonly kind: "system" };

/** Every kind, for metric series that start at 0. */
export const principalKinds: readonly Principal["kind"][] = ["anonymous", "user", "service", "operator", "system"];

export const anonymous: Principal = { kind: "anonymous" };
export const operator: Principal = { kind: "operator" };
export const system: Principal = { kind: "system" };

export const isIdentified = (principal: Principal): principal is IdentifiedPrincipal =>
  principal.kind === "user" || principal.kind === "service";

/** Whether the call comes from the installation itself: its operator or its background work. Rules and limits do not apply to it. */
export const isSystemOrOperator = ({ kind }: Principal): boolean => kind === "operator" || kind === "system";

/**
 * Whether the principal is the user with this id. A service is never a user, even with the same id: a user's access to their own
 * resources does not extend to it.
 */
export const isUser = (principal: Principal, userId: string | undefined): principal is UserPrincipal =>
  principal.kind === "user" && principal.id === userId;

/**
 * Whether the id of a user or service account is the principal's own. It lets a service check its own permissions. {@link isUser} is for what
 * only users own.
 */
export const isSelf = (principal: Principal, id: string | undefined): principal is IdentifiedPrincipal =>
  isIdentified(principal) && principal.id === id;

/** The organization that the credential is for; null where the principal has none. */
export const organizationOf = (principal: Principal): string | null => (isIdentified(principal) ? principal.organizationId : null);

/**
 * Whether the credential is for another organization than `organizationId`. It then counts as a non-member's there (decision 0014).
 */
export const isForeignTo = (principal: Principal, organizationId: string | null | undefined): boolean => {
  const own = organizationOf(principal);
  return own !== null && own !== organizationId;
};

/**
 * The id of the user's own session that the credential belongs to; undefined where it belongs to none. A token by which another principal acts
 * for the user belongs to no session of theirs.
 */
export const sessionIdOf = ({ credential, actor }: UserPrincipal): string | undefined => {
  if (actor !== undefined) return undefined;
  return credential.kind === "session" ? credential.id : credential.sessionId;
};

/** `user:<id>`, `service:<id>`, or the kind of a principal without an id: the key of limits, cursors and idempotent answers. */
export const principalKey = (principal: Principal): string =>
  isIdentified(principal) ? `${principal.kind}:${principal.id}` : principal.kind;

/** `session:<id>` and the like; the kind of a principal without a credential. */
export const credentialKey = (principal: Principal): string =>
  isIdentified(principal) ? `${principal.credential.kind}:${principal.credential.id}` : principal.kind;
