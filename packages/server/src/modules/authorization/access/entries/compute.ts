import type { Kysely } from "kysely";
import type { AnyTables, ReadHandle } from "#platform/database/database.ts";
import {
  computeEntitlements,
  computeMemberships,
  computePolicy,
  computeRoles,
  computeTenants,
  computeUsers,
  type Found,
  type FoundByKey,
  type UserFactsById,
} from "./compute-kinds.ts";
import { type EntryKey, type KeyOf, parseKey } from "./entry-key.ts";
import { computeOlderLists } from "./older-lists.ts";

/** A projection entry, computed from the tables. */
export interface Computed {
  readonly key: string;
  readonly organizationId: string | null;
  /** The value as JSON. `null` is a tombstone of an entry that no longer exists. */
  readonly json: string;
}

/** Computes the entries of `keys` from the tables, in the order of the keys. Throws for an invalid key. */
export async function computeEntries(reading: ReadHandle, keys: readonly string[], users: UserFactsById): Promise<readonly Computed[]> {
  const db = reading as unknown as Kysely<AnyTables>;
  const parsed = keys.map((text) => {
    const key = parseKey(text);
    if (key === undefined) throw new Error(`the projection has no entry under ${text}`);
    return key;
  });
  const found = new Map<string, Found>();
  for (const [kind, some] of Map.groupBy(parsed, (key) => key.kind)) {
    for (const [key, value] of await computeKind(db, kind, some, users)) found.set(key, value);
  }
  return keys.map((key) => ({ key, organizationId: null, json: "null", ...found.get(key) }));
}

/** All `keys` must be of this kind. */
function computeKind(db: Kysely<AnyTables>, kind: EntryKey["kind"], keys: readonly EntryKey[], users: UserFactsById): Promise<FoundByKey> {
  switch (kind) {
    case "user":
      return computeUsers(db, keys as readonly KeyOf<"user">[], users);
    case "tenant":
      return computeTenants(db, keys as readonly KeyOf<"tenant">[]);
    case "entitlements":
      return computeEntitlements(db, keys as readonly KeyOf<"entitlements">[]);
    case "membership":
      return computeMemberships(db, keys as readonly KeyOf<"membership">[]);
    case "role":
      return computeRoles(db, keys as readonly KeyOf<"role">[]);
    case "policy":
      return computePolicy(db, keys as readonly KeyOf<"policy">[]);
    case "olderList":
    case "olderSystemList":
      return computeOlderLists(db, keys as readonly KeyOf<"olderList" | "olderSystemList">[]);
  }
}
