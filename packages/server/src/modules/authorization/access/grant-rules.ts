import { type RelationEffects, relationEffects } from "@gatehouse/policy";
import type { ErrorDetail } from "#operation/errors.ts";
import { NotHeld } from "./errors.ts";
import type { AccessReader } from "./read-model/reader.ts";

interface Preparing {
  readonly state: AccessReader;
  fail(error: typeof NotHeld, ...details: ErrorDetail[]): never;
  notHeld(organizationId: string | null, values: readonly string[]): Promise<readonly string[]>;
}

/**
 * Refuses whoever would give by a grant what he does not hold, or be rid of what takes something from him: he must hold every
 * permission that the relation can bring (`gives`) or cost (`takes`).
 */
export async function mayHandle(
  { state, fail, notHeld }: Preparing,
  organizationId: string | null,
  { type, relation }: { readonly type: string; readonly relation: string },
  what: keyof RelationEffects,
): Promise<void> {
  const policy = await state.policy();
  const lacking = await notHeld(organizationId, relationEffects(policy, type, relation)[what]);
  if (lacking.length > 0) fail(NotHeld, ...lacking.slice(0, 20).map((value) => ({ field: "relation", rule: "held", permission: value })));
}

/** Who a grant is for. The ids of users and roles are written as the database writes them, however they were sent. */
export function subjectOf({ type, id, relation }: { readonly type: string; readonly id: string; readonly relation?: string | null }) {
  const own = type === "user" || type === "role";
  return { type, id: own ? id.toLowerCase() : id, ...(relation ? { relation } : {}) };
}
