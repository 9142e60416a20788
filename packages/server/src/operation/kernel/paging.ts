import type { Keys } from "#platform/keys/keys.ts";
import type { PageRequest } from "../declaration/context.ts";
import { invalid } from "../declaration/errors.ts";
import { pageDefault } from "../declaration/schema.ts";

/**
 * Keyset pagination. A cursor is encrypted for its operation and tenant: a forged cursor, or one of another list, is refused with 400
 * (docs/security/attacks.md, 21).
 */
export function pageRequest(keys: Keys, list: string, input: { readonly limit?: number; readonly cursor?: string }): PageRequest {
  const limit = input.limit ?? pageDefault;
  const purpose = `cursor ${list}`;
  return {
    fetch: limit + 1,
    after: input.cursor === undefined ? undefined : openCursor(keys, purpose, input.cursor),
    cut(rows, keyOf) {
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const more = rows.length > limit && last !== undefined;
      return { rows: page, nextCursor: more ? keys.encrypt(JSON.stringify(keyOf(last)), purpose) : null };
    },
  };
}

function openCursor(keys: Keys, purpose: string, cursor: string): readonly string[] {
  try {
    return JSON.parse(keys.decrypt(cursor, purpose)) as string[];
  } catch {
    throw invalid({ field: "cursor", rule: "cursor", message: "is not a cursor of this list" });
  }
}
