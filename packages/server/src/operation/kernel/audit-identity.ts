import { isIdentified, type Principal } from "../declaration/principal.ts";

/** The columns of `audit_entries` that identify the caller. */
export interface IdentityColumns {
  /** Read by releases before 0.2: the kind of the caller, and the id and session of a user. */
  readonly caller_kind: string;
  readonly user_id: string | null;
  readonly session_id: string | null;
  /** The principal whose permissions the call used. */
  readonly principal_kind: string;
  readonly principal_id: string | null;
  /** The credential that authenticated the principal. */
  readonly credential_kind: string | null;
  readonly credential_id: string | null;
  /** The party that acted for the principal, by impersonation or delegation (RFC 8693 `act`); null where the principal acted itself. */
  readonly actor_kind: string | null;
  readonly actor_id: string | null;
}

/**
 * The identity of a principal. `provenUserId` is the user as whom an anonymous caller authenticated in the call itself, as by a sign-in.
 * The entry then has no credential: the new session is the credential of later calls only.
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
