import type { User } from "#modules/foundation/identity/index.ts";
import type { Member } from "./model.ts";
import { representMembers } from "./represent.ts";
import type { MembershipRow } from "./store.ts";

interface Uses {
  readonly access: Parameters<typeof representMembers>[0];
  readonly identity: { usersById(ids: readonly string[]): Promise<ReadonlyMap<string, User>> };
}

/** Members with the people that they are. */
export async function membersWithPeople(uses: Uses, organizationId: string | null, rows: readonly MembershipRow[]): Promise<Member[]> {
  const members = await representMembers(uses.access, organizationId, rows);
  const people = await uses.identity.usersById(members.map((member) => member.userId));
  return members.flatMap((member) => {
    const person = people.get(member.userId);
    if (!person) return [];
    const { email, firstName, lastName, status } = person;
    return [{ ...member, user: { email, firstName, lastName, status } }];
  });
}
