import type { Emit } from "../../operation/module.ts";
import { GrantRevoked } from "./events.ts";
import { type GrantRow, type GrantSearch, toGrant } from "./grant-store.ts";

interface Forgetting {
  readonly store: {
    removeGrants(search: GrantSearch, limit: number): Promise<readonly GrantRow[]>;
    forgetMember(organizationId: string, userId: string): Promise<boolean>;
  };
  readonly emit: Emit;
}

/** What is removed in one statement; the rest follows in the next. */
const removedAtOnce = 1_000;

/** Removes every grant that the search finds, each with its event. */
export async function revokeGrants({ store, emit }: Pick<Forgetting, "store" | "emit">, search: GrantSearch): Promise<number> {
  let removed = 0;
  for (;;) {
    const rows = await store.removeGrants(search, removedAtOnce);
    for (const row of rows) emit(GrantRevoked, grantEventData(row));
    removed += rows.length;
    if (rows.length < removedAtOnce) return removed;
  }
}

export function grantEventData(row: GrantRow) {
  const { id, organizationId, resource, relation, subject, expiresAt } = toGrant(row);
  return { grantId: id, organizationId, resource, relation, subject, expiresAt };
}

/** Who leaves takes nothing along: his grants and attributes must not come back with a later membership. */
export async function forgetSubject(context: Forgetting, organizationId: string | null, userId: string): Promise<void> {
  await revokeGrants(context, { organizationId, subjectType: "user", subjectId: userId });
  if (organizationId !== null) await context.store.forgetMember(organizationId, userId);
}
