import { type RelationEffects, relationEffects } from "@gatehouse/policy";
import type { PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { PermissionNotHeld } from "./errors.ts";
import type { access } from "./module.ts";

/**
 * Refuses callers who would give by a grant what they do not hold, or lift a relation that takes something from them. They must hold
 * every permission that the relation can bring (`gives`) or cost (`takes`).
 */
export async function assertCanDelegate(
  { state, reading, requireHeld }: PrepareContextOf<typeof access, typeof PermissionNotHeld>,
  organizationId: string | null,
  { type, relation }: { readonly type: string; readonly relation: string },
  what: keyof RelationEffects,
): Promise<void> {
  const policy = await reading((store) => state.compile(store));
  await requireHeld(organizationId, relationEffects(policy, type, relation)[what], { error: PermissionNotHeld, field: "relation" });
}

/** Who a grant is for. The ids of users and roles are written as the database writes them, however they were sent. */
export function subjectOf({ type, id, relation }: { readonly type: string; readonly id: string; readonly relation?: string | null }) {
  const own = type === "user" || type === "role";
  return { type, id: own ? id.toLowerCase() : id, ...(relation ? { relation } : {}) };
}
