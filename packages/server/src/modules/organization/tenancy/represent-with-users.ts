import type { QueryContextOf } from "#operation/declaration/contexts-of.ts";
import type { Member } from "./model.ts";
import type { tenancy } from "./module.ts";
import { representMembers } from "./represent.ts";
import type { MembershipRow } from "./store.ts";

/** Represents members with their user data. */
export async function representMembersWithUsers(
  uses: QueryContextOf<typeof tenancy>["uses"],
  organizationId: string | null,
  rows: readonly MembershipRow[],
): Promise<Member[]> {
  const members = await representMembers(uses.access, organizationId, rows);
  const people = await uses.identity.usersById(members.map((member) => member.userId));
  return members.flatMap((member) => {
    const person = people.get(member.userId);
    if (!person) return [];
    const { email, firstName, lastName, status } = person;
    return [{ ...member, user: { email, firstName, lastName, status } }];
  });
}
