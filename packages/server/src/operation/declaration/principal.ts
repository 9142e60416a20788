/** What a principal has proven who it is with. The kernel knows no form of it: authenticators do (authenticators.ts). */
export interface Credential {
  readonly kind: "session" | "accessToken" | "apiKey";
  readonly id: string;
  /**
   * Permission values that the credential is limited to; each stands for the permissions below it too. Absent: no limit. Empty: nothing
   * is permitted.
   */
  readonly scopes?: readonly string[];
  /** When the principal proved who it is, in milliseconds since 1970. */
  readonly authenticatedAt: number;
  /** How it did (RFC 8176, authentication methods). */
  readonly methods: readonly string[];
}

/** Who acts in the principal's name: impersonation and delegation (RFC 8693 §4.1, `act`). */
export interface Actor {
  readonly kind: "user" | "service";
  readonly id: string;
}

interface Identified<Kind extends "user" | "service"> {
  readonly kind: Kind;
  readonly id: string;
  /** The organization that the credential is for; null for one without, which is the internal scope's. */
  readonly organizationId: string | null;
  readonly credential: Credential;
  readonly actor?: Actor;
}

export type UserPrincipal = Identified<"user">;
/** A program with an identity of its own. It holds roles as a member does; it has no profile and no sessions. */
export type ServicePrincipal = Identified<"service">;
/** A principal with an id and a credential. */
export type IdentifiedPrincipal = UserPrincipal | ServicePrincipal;

/** Who calls. `operator` has the machine itself (the command line); `system` is the product's own background work. */
export type Principal = { readonly kind: "anonymous" } | IdentifiedPrincipal | { readonly kind: "operator" } | { readonly kind: "system" };

/** Every kind, for series that begin at 0. */
export const principalKinds: readonly Principal["kind"][] = ["anonymous", "user", "service", "operator", "system"];

export const anonymous: Principal = { kind: "anonymous" };
export const operator: Principal = { kind: "operator" };
export const system: Principal = { kind: "system" };

export const isIdentified = (principal: Principal): principal is IdentifiedPrincipal =>
  principal.kind === "user" || principal.kind === "service";

/** Whether the call comes from the installation itself: its operator or its background work. Rules and limits are not for it. */
export const isSystemOrOperator = ({ kind }: Principal): boolean => kind === "operator" || kind === "system";

/**
 * Whether a question about the user is one about the principal itself. A service is never a user, whatever its id: what a user may do
 * about themselves does not pass to it.
 */
export const isUser = (principal: Principal, userId: string | undefined): principal is UserPrincipal =>
  principal.kind === "user" && principal.id === userId;

/**
 * Whether a question about a user or service account is one about the principal itself. It lets a service ask what it may do; what a user
 * owns is decided by {@link isUser}.
 */
export const isSelf = (principal: Principal, id: string | undefined): principal is IdentifiedPrincipal =>
  isIdentified(principal) && principal.id === id;

/** The organization that the credential is for; null where the principal has none. */
export const organizationOf = (principal: Principal): string | null => (isIdentified(principal) ? principal.organizationId : null);

/**
 * Whether the credential is for another organization than `organizationId`: then it counts as a non-member's there (decision 0014).
 */
export const isForeignTo = (principal: Principal, organizationId: string | null | undefined): boolean => {
  const own = organizationOf(principal);
  return own !== null && own !== organizationId;
};

/** `user:<id>`, `service:<id>`, or the kind of a principal without an id: what limits, cursors and kept answers are keyed with. */
export const principalKey = (principal: Principal): string =>
  isIdentified(principal) ? `${principal.kind}:${principal.id}` : principal.kind;

/** `session:<id>` and the like; of a principal without a credential its key. */
export const credentialKey = (principal: Principal): string =>
  isIdentified(principal) ? `${principal.credential.kind}:${principal.credential.id}` : principal.kind;
