import { type RelationEffects, relationEffects } from "@gatehouse/policy";
import type { PrepareContextOf } from "#operation/declaration/contexts-of.ts";
import { PermissionNotHeld } from "./errors.ts";
import type { access } from "./module.ts";

/**
 * The delegation check of grants: rejects callers who would grant permissions that they do not hold, or revoke a relation that denies
 * something to them. They must hold every permission that the relation can allow (`gives`) or deny (`takes`).
 */
export async function assertCanDelegate(
  { state, reading, requireHeld }: PrepareContextOf<typeof access, typeof PermissionNotHeld>,
  organizationId: string | null,
  { type, relation }: { readonly type: string; readonly relation: string },
  effect: keyof RelationEffects,
): Promise<void> {
  const policy = await reading((store) => state.compile(store));
  await requireHeld(organizationId, relationEffects(policy, type, relation)[effect], { error: PermissionNotHeld, field: "relation" });
}

/** The subject of a grant. Ids of users and roles are lowercased, as the database stores them. */
export function subjectOf({ type, id, relation }: { readonly type: string; readonly id: string; readonly relation?: string | null }) {
  const own = type === "user" || type === "role";
  return { type, id: own ? id.toLowerCase() : id, ...(relation ? { relation } : {}) };
}
