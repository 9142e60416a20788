import type { identity } from "#modules/foundation/identity/index.ts";
import type { serviceaccounts } from "#modules/organization/serviceaccounts/index.ts";
import type { tenancy } from "#modules/organization/tenancy/index.ts";
import type { SessionFacts, sessions } from "#modules/signin/sessions/index.ts";
import type { ReadApisOf } from "#operation/declaration/module.ts";
import type { AccessTokenClaims } from "./claims.ts";
import type { tokenStore } from "./store.ts";

/** Reads of the modules that know sessions and subjects. */
export type SubjectReads = ReadApisOf<{
  readonly identity: typeof identity;
  readonly tenancy: typeof tenancy;
  readonly serviceaccounts: typeof serviceaccounts;
  readonly sessions: typeof sessions;
}>;

type Claims = Pick<AccessTokenClaims, "jti" | "sub" | "sub_kind" | "tid" | "sid" | "act">;
type Reads = ReturnType<typeof tokenStore.reads>;

/**
 * Whether a token with valid claims is live: it was not revoked, its session goes on, its subject and its actor are active in the organization.
 * Returns the ids whose end ends the token; undefined where it is not live.
 */
export async function isLive(claims: Claims, store: Reads, reads: SubjectReads): Promise<readonly string[] | undefined> {
  if (await store.isRevoked(claims.jti)) return undefined;
  if (claims.sub_kind === "service") return isLiveService(claims, reads);
  if (claims.sid === undefined) return undefined;
  // The session is one of an active user, and a member of its organization.
  const session = await reads.sessions.session(claims.sid);
  if (session === undefined) return undefined;
  const tags = [claims.jti, claims.sid, session.userId];
  if (claims.act !== undefined) return isLiveExchange(claims, session, store, reads);
  const isOwn = session.userId === claims.sub && (await isForOrganization(claims, session, reads));
  return isOwn ? tags : undefined;
}

/** A session without an organization acts in each of its user's organizations (docs/decisions/0014), and a token of it in one of them. */
async function isForOrganization({ sub, tid }: Claims, { organizationId }: SessionFacts, { tenancy }: SubjectReads): Promise<boolean> {
  if (organizationId === (tid ?? null)) return true;
  return organizationId === null && tid !== undefined && tenancy.isMember(sub, tid);
}

async function isLiveService({ jti, sub, tid }: Claims, { serviceaccounts }: SubjectReads): Promise<readonly string[] | undefined> {
  const account = await serviceaccounts.serviceAccount(sub);
  const isActive = account?.status === "Active" && account.organizationId === (tid ?? null);
  return isActive ? [jti, sub] : undefined;
}

async function isLiveExchange(
  { jti, sub, tid, act }: Claims,
  session: SessionFacts,
  store: Reads,
  { identity, tenancy, serviceaccounts }: SubjectReads,
): Promise<readonly string[] | undefined> {
  if (act === undefined || (await store.exchangedToken(jti)) === undefined) return undefined;
  if ((await identity.userById(sub))?.status !== "Active") return undefined;
  if (tid !== undefined && !(await tenancy.isMember(sub, tid))) return undefined;
  if (act.sub_kind === "service" && (await serviceaccounts.serviceAccount(act.sub))?.status !== "Active") return undefined;
  return [jti, session.id, session.userId, sub, act.sub];
}
