import { isIdentified, type Principal } from "../declaration/principal.ts";

/** Who called, as a row of `audit_entries` has it. */
export interface IdentityColumns {
  /** What releases before 0.2 read: the kind of the caller, and of a user the id and the session. */
  readonly caller_kind: string;
  readonly user_id: string | null;
  readonly session_id: string | null;
  /** Whose rights the call used. */
  readonly principal_kind: string;
  readonly principal_id: string | null;
  /** What proved who the principal is. */
  readonly credential_kind: string | null;
  readonly credential_id: string | null;
  /** Who acted for the principal, in an impersonation or a delegation (RFC 8693 `act`); null where the principal acted itself. */
  readonly actor_kind: string | null;
  readonly actor_id: string | null;
}

/**
 * The identity of a principal. `provenUserId` is the user that an anonymous caller has proved to be in the call itself, as by a sign-in:
 * the credential of the next call, not of this one, is the session that it began.
 */
export function identityColumns(principal: Principal, provenUserId: string | null = null): IdentityColumns {
  const identified = isIdentified(principal) ? principal : undefined;
  const user = identified?.kind === "user" ? identified : undefined;
  const isProven = principal.kind === "anonymous" && provenUserId !== null;
  return {
    caller_kind: principal.kind,
    user_id: user?.id ?? null,
    session_id: user?.credential.kind === "session" ? user.credential.id : null,
    principal_kind: isProven ? "user" : principal.kind,
    principal_id: identified?.id ?? (isProven ? provenUserId : null),
    credential_kind: identified?.credential.kind ?? null,
    credential_id: identified?.credential.id ?? null,
    actor_kind: identified?.actor?.kind ?? null,
    actor_id: identified?.actor?.id ?? null,
  };
}
