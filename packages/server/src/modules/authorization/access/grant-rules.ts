import { type RelationEffects, relationEffects } from "@gatehouse/policy";
import type { ErrorDetail } from "#operation/errors.ts";
import type { Delegating } from "./delegating.ts";
import { NotHeld } from "./errors.ts";

interface Preparing extends Delegating {
  fail(error: typeof NotHeld, ...details: ErrorDetail[]): never;
}

/**
 * Refuses callers who would give by a grant what they do not hold, or lift a relation that takes something from them. They must hold
 * every permission that the relation can bring (`gives`) or cost (`takes`).
 */
export async function mayHandle(
  { state, reading, fail, notHeld }: Preparing,
  organizationId: string | null,
  { type, relation }: { readonly type: string; readonly relation: string },
  what: keyof RelationEffects,
): Promise<void> {
  const policy = await reading((store) => state.compile(store));
  const lacking = await notHeld(organizationId, relationEffects(policy, type, relation)[what]);
  if (lacking.length > 0) fail(NotHeld, ...lacking.slice(0, 20).map((value) => ({ field: "relation", rule: "held", permission: value })));
}

/** Who a grant is for. The ids of users and roles are written as the database writes them, however they were sent. */
export function subjectOf({ type, id, relation }: { readonly type: string; readonly id: string; readonly relation?: string | null }) {
  const own = type === "user" || type === "role";
  return { type, id: own ? id.toLowerCase() : id, ...(relation ? { relation } : {}) };
}
