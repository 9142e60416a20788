import type { SessionFacts, User } from "#modules/foundation/identity/index.ts";
import type { SessionRow } from "./store.ts";

/** What the identity and tenancy modules tell about the person of a session. */
export interface People {
  sessionFacts(userId: string): Promise<SessionFacts | undefined>;
  userById(id: string): Promise<User | undefined>;
  isMember(userId: string, organizationId: string): Promise<boolean>;
}

/** The person of a session; undefined where they have lost it: their status, epoch or membership has ended it, or will. */
export async function livePerson(row: SessionRow, people: People): Promise<User | undefined> {
  const facts = await people.sessionFacts(row.user_id);
  if (facts?.status !== "Active" || facts.sessionEpoch !== row.user_epoch) return undefined;
  const user = await people.userById(row.user_id);
  if (!user) return undefined;
  // Over with the membership: its row goes later, and until then must not come back into memory.
  if (row.organization_id !== null && !(await people.isMember(row.user_id, row.organization_id))) return undefined;
  return user;
}

/** Whether a session's time is over, or it was not used for too long. */
export const isOver = ({ expires_at, last_active_at }: SessionRow, now: Date, idleSeconds: number): boolean =>
  now >= expires_at || now.getTime() - last_active_at.getTime() >= idleSeconds * 1_000;
