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

describe("the projection entries that an event changes", () => {
  it("are the policy for a change of the tree, which concerns the named permission", () => {
    const moved = event(PermissionUpdated.type, { value: "Doc.Read", parent: "Report", previousParent: "Doc" });
    expect(keysTouchedBy(moved)).toEqual([policyKey]);
    expect(policyChangeOf(moved)).toBe("Doc.Read");
    const defined = event(PermissionDefined.type, { value: "Doc", parent: null });
    expect(keysTouchedBy(defined)).toEqual([policyKey]);
    expect(policyChangeOf(defined)).toBe("Doc");
  });

  it("are none for a change of a permission's description", () => {
    const descriptionChange = event(PermissionUpdated.type, { value: "Doc", parent: null, previousParent: null });
    expect(keysTouchedBy(descriptionChange)).toEqual([]);
    expect(policyChangeOf(descriptionChange)).toBeUndefined();
  });

  it("may concern every decision for a new model, and for an older event without the permission's name", () => {
    expect(policyChangeOf(event(ModelReplaced.type, { version: 2 }))).toBeNull();
    expect(policyChangeOf(event(PermissionUpdated.type, {}))).toBeNull();
  });

  it("are the role, and not the policy, for a change of a role's rule", () => {
    const set = event(RoleRuleSet.type, { roleId: "r" });
    expect(keysTouchedBy(set)).toEqual([roleKey("r")]);
    expect(policyChangeOf(set)).toBeUndefined();
  });
});
