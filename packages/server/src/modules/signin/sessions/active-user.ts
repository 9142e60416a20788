import type { identity, User } from "#modules/foundation/identity/index.ts";
import type { tenancy } from "#modules/organization/tenancy/index.ts";
import type { ReadApisOf } from "#operation/declaration/module.ts";
import type { SessionRow } from "./store.ts";

type Apis = ReadApisOf<{ readonly identity: typeof identity; readonly tenancy: typeof tenancy }>;

/** Reads of the identity and tenancy modules about the user of a session. */
export type UserReads = Pick<Apis["identity"], "sessionFacts" | "userById"> & Pick<Apis["tenancy"], "isMember">;

/** The user of a session; undefined where their status, epoch or membership has ended the session. */
export async function activeUserOf(row: SessionRow, reads: UserReads): Promise<User | undefined> {
  const facts = await reads.sessionFacts(row.user_id);
  if (facts?.status !== "Active" || facts.sessionEpoch !== row.user_epoch) return undefined;
  const user = await reads.userById(row.user_id);
  if (!user) return undefined;
  // The session has ended with the membership. Its row is deleted later; until then it must not be cached again.
  if (row.organization_id !== null && !(await reads.isMember(row.user_id, row.organization_id))) return undefined;
  return user;
}

/** Whether a session has expired, by its absolute limit or by its idle limit. */
export const isExpired = ({ expires_at, last_active_at }: SessionRow, now: Date, idleSeconds: number): boolean =>
  now >= expires_at || now.getTime() - last_active_at.getTime() >= idleSeconds * 1_000;
