/** Identifies a projection entry. The installation has one policy entry. */
export type EntryKey =
  /** A user, or a service account under its own id. */
  | { readonly kind: "user"; readonly userId: string }
  /** The status and the attributes of an organization. */
  | { readonly kind: "tenant"; readonly organizationId: string }
  /** The entitlements of an organization. */
  | { readonly kind: "entitlements"; readonly organizationId: string }
  /** The roles of a user or a service account in an organization, or with null in the internal scope. */
  | { readonly kind: "membership"; readonly userId: string; readonly organizationId: string | null }
  | { readonly kind: "role"; readonly roleId: string }
  /** The permission tree and the authorization model. */
  | { readonly kind: "policy" }
  /** Every permission that a role allows, for processes of the previous release (`older-lists.ts`). */
  | { readonly kind: "olderList"; readonly roleId: string }
  | { readonly kind: "olderSystemList"; readonly scope: string; readonly name: string };

export type KeyOf<Kind extends EntryKey["kind"]> = Extract<EntryKey, { readonly kind: Kind }>;

/** The text of a key in the projection's table and in the Redis snapshot. */
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

/** Parses the text of a key; undefined for any other text, even if only an id in it is malformed. */
export function parseKey(text: string): EntryKey | undefined {
  const key = read(text.split(":"));
  if (key === undefined || formatKey(key) !== text) return undefined;
  return idsOf(key).every((id) => uuid.test(id)) ? key : undefined;
}

const word = /^\w+$/;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Reads the segments of a key without validating its ids. */
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

/** Whether a text is a valid entry key. */
export const isEntryKey = (key: string): boolean => parseKey(key) !== undefined;

/** Whether the entry can be computed from the access module's own tables alone. Entries of users cannot: another module owns users. */
export function isOfOwnTables(key: string): boolean {
  const parsed = parseKey(key);
  return parsed !== undefined && parsed.kind !== "user";
}
