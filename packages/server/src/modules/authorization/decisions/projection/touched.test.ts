import { describe, expect, it } from "vitest";
import {
  ModelReplaced,
  PermissionDefined,
  PermissionUpdated,
  policyKey,
  RoleRuleSet,
  roleKey,
} from "#modules/authorization/access/index.ts";
import { keysTouchedBy, policyChangeOf } from "./touched.ts";

const event = (type: string, data: Record<string, unknown>) => ({ type, data });

describe("what an event changes of the projection", () => {
  it("a change of the tree is one entry, and concerns the permission that it names", () => {
    const moved = event(PermissionUpdated.type, { value: "Doc.Read", parent: "Report", previousParent: "Doc" });
    expect(keysTouchedBy(moved)).toEqual([policyKey]);
    expect(policyChangeOf(moved)).toBe("Doc.Read");
    const defined = event(PermissionDefined.type, { value: "Doc", parent: null });
    expect(keysTouchedBy(defined)).toEqual([policyKey]);
    expect(policyChangeOf(defined)).toBe("Doc");
  });

  it("a permission that stays where it is has changed its description, which decides nothing", () => {
    const described = event(PermissionUpdated.type, { value: "Doc", parent: null, previousParent: null });
    expect(keysTouchedBy(described)).toEqual([]);
    expect(policyChangeOf(described)).toBeUndefined();
  });

  it("a new model, and a permission that an older process does not name, may concern every decision", () => {
    expect(policyChangeOf(event(ModelReplaced.type, { version: 2 }))).toBeNull();
    expect(policyChangeOf(event(PermissionUpdated.type, {}))).toBeNull();
  });

  it("a role's rule is one entry and nothing of the policy", () => {
    const set = event(RoleRuleSet.type, { roleId: "r" });
    expect(keysTouchedBy(set)).toEqual([roleKey("r")]);
    expect(policyChangeOf(set)).toBeUndefined();
  });
});
