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

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The subject of a grant. Ids of users, service accounts and roles are lowercased, as the database stores them. */
export function subjectOf({ type, id, relation }: { readonly type: string; readonly id: string; readonly relation?: string | null }) {
  const own = type === "user" || type === "role" || (type === "service" && uuid.test(id));
  return { type, id: own ? id.toLowerCase() : id, ...(relation ? { relation } : {}) };
}
