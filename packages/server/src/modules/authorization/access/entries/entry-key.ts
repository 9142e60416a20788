/** What a projection entry is about. There is one entry of each, and one policy for the installation. */
export type EntryKey =
  /** A user, or a service account under its own id. */
  | { readonly kind: "user"; readonly userId: string }
  /** The status and the attributes of an organization. */
  | { readonly kind: "tenant"; readonly organizationId: string }
  /** What the organization's plan includes. */
  | { readonly kind: "entitlements"; readonly organizationId: string }
  /** The roles of a user or service account in an organization; null is the internal scope. */
  | { readonly kind: "membership"; readonly userId: string; readonly organizationId: string | null }
  | { readonly kind: "role"; readonly roleId: string }
  /** The permission tree and the authorization model. */
  | { readonly kind: "policy" }
  /** Everything that a role gives, for processes of the release before (`older-lists.ts`). */
  | { readonly kind: "olderList"; readonly roleId: string }
  | { readonly kind: "olderSystemList"; readonly scope: string; readonly name: string };

export type KeyOf<Kind extends EntryKey["kind"]> = Extract<EntryKey, { readonly kind: Kind }>;

/** The key as the projection's table and the snapshot in Redis have it. */
export function formatKey(key: EntryKey): string {
  switch (key.kind) {
    case "user":
      return `iam:user:id:${key.userId}`;
    case "tenant":
      return `iam:org:${key.organizationId}:status`;
    case "entitlements":
      return `iam:org:${key.organizationId}:entitlements`;
    case "membership":
      return `iam:membership:user:${key.userId}:${key.organizationId === null ? "internal" : `org:${key.organizationId}`}`;
    case "role":
      return `iam:role:id:${key.roleId}`;
    case "policy":
      return "iam:policy";
    case "olderList":
      return `iam:role:${key.roleId}:effective_permissions`;
    case "olderSystemList":
      return `iam:role:system:${key.scope}:${key.name}:effective_permissions`;
  }
}

/** The key that a text is; undefined for every other text, also for one that names something by what is no id. */
export function parseKey(text: string): EntryKey | undefined {
  const key = read(text.split(":"));
  if (key === undefined || formatKey(key) !== text) return undefined;
  return idsOf(key).every((id) => uuid.test(id)) ? key : undefined;
}

const word = /^\w+$/;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The key of the kind that the parts name, whatever its ids are. */
function read([, what, first = "", second = "", third = "", fourth]: readonly string[]): EntryKey | undefined {
  switch (what) {
    case "policy":
      return { kind: "policy" };
    case "user":
      return { kind: "user", userId: second };
    case "org":
      return { kind: second === "status" ? "tenant" : "entitlements", organizationId: first };
    case "membership":
      return { kind: "membership", userId: second, organizationId: third === "internal" ? null : (fourth ?? "") };
    case "role":
      if (first === "id") return { kind: "role", roleId: second };
      if (first === "system" && word.test(second) && word.test(third)) return { kind: "olderSystemList", scope: second, name: third };
      return { kind: "olderList", roleId: first };
    default:
      return undefined;
  }
}

function idsOf(key: EntryKey): readonly string[] {
  switch (key.kind) {
    case "policy":
    case "olderSystemList":
      return [];
    case "user":
      return [key.userId];
    case "membership":
      return key.organizationId === null ? [key.userId] : [key.userId, key.organizationId];
    case "role":
    case "olderList":
      return [key.roleId];
    case "tenant":
    case "entitlements":
      return [key.organizationId];
  }
}

export const userKey = (userId: string): string => formatKey({ kind: "user", userId });
export const tenantStatusKey = (organizationId: string): string => formatKey({ kind: "tenant", organizationId });
export const entitlementsKey = (organizationId: string): string => formatKey({ kind: "entitlements", organizationId });
export const membershipKey = (userId: string, organizationId: string | null): string =>
  formatKey({ kind: "membership", userId, organizationId });
export const roleKey = (roleId: string): string => formatKey({ kind: "role", roleId });
export const policyKey = formatKey({ kind: "policy" });
export const listKey = (roleId: string): string => formatKey({ kind: "olderList", roleId });
export const systemListKey = ({ scope, name }: { readonly scope: string; readonly name: string }): string =>
  formatKey({ kind: "olderSystemList", scope, name });

/** Whether an entry may lie under the key. */
export const isEntryKey = (key: string): boolean => parseKey(key) !== undefined;

/** Whether the access module's own tables hold the entry whole, so that any process may compute it. Users belong to another module. */
export function isOfOwnTables(key: string): boolean {
  const parsed = parseKey(key);
  return parsed !== undefined && parsed.kind !== "user";
}
