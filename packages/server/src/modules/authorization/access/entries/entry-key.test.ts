import { describe, expect, it } from "vitest";
import { type EntryKey, formatKey, isEntryKey, isOfOwnTables, parseKey } from "./entry-key.ts";

const id = "0190f5a0-0000-7000-8000-000000000001";
const other = "0190f5a0-0000-7000-8000-000000000002";

const keys: readonly [EntryKey, string][] = [
  [{ kind: "user", userId: id }, `iam:user:id:${id}`],
  [{ kind: "tenant", organizationId: id }, `iam:org:${id}:status`],
  [{ kind: "entitlements", organizationId: id }, `iam:org:${id}:entitlements`],
  [{ kind: "membership", userId: id, organizationId: other }, `iam:membership:user:${id}:org:${other}`],
  [{ kind: "membership", userId: id, organizationId: null }, `iam:membership:user:${id}:internal`],
  [{ kind: "role", roleId: id }, `iam:role:id:${id}`],
  [{ kind: "policy" }, "iam:policy"],
  [{ kind: "olderList", roleId: id }, `iam:role:${id}:effective_permissions`],
  [{ kind: "olderSystemList", scope: "Organization", name: "Owner" }, "iam:role:system:Organization:Owner:effective_permissions"],
];

describe("an entry's key", () => {
  it.each(keys)("%o is parsed back from its text", (key, text) => {
    expect(formatKey(key)).toBe(text);
    expect(parseKey(text)).toEqual(key);
  });

  // Databases and snapshots of other releases have these texts: each is a contract.
  it.each([
    "",
    "iam",
    "iam:policy:",
    "iam:policy:1",
    "iam:user:id:",
    "iam:user:id:x",
    `iam:user:id:${id.toUpperCase()}`,
    `iam:user:name:${id}`,
    `iam:user:id:${id}:more`,
    ` iam:user:id:${id}`,
    `other:user:id:${id}`,
    `iam:org:${id}`,
    `iam:org:${id}:other`,
    `iam:org:x:status`,
    `iam:membership:user:${id}`,
    `iam:membership:user:${id}:org`,
    `iam:membership:user:${id}:org:x`,
    `iam:membership:user:${id}:internal:${other}`,
    `iam:membership:role:${id}:internal`,
    `iam:role:id:${id}:effective_permissions`,
    `iam:role:x:effective_permissions`,
    "iam:role:system:Organization:effective_permissions",
    "iam:role:system:::effective_permissions",
  ])("cannot be parsed from %j", (text) => {
    expect(parseKey(text)).toBeUndefined();
    expect(isEntryKey(text)).toBe(false);
    expect(isOfOwnTables(text)).toBe(false);
  });

  it("of a user is not computed from the access module's tables", () => {
    for (const [key, text] of keys) expect(isOfOwnTables(text)).toBe(key.kind !== "user");
  });
});
