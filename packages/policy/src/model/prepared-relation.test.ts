import { describe, expect, it } from "vitest";
import { decide } from "../decision/decide.ts";
import { View } from "../decision/view.ts";
import { RelationshipIndex } from "../relation/index-in-memory.ts";
import { Policy } from "./policy.ts";
import { compileRules } from "./role.ts";
import { PermissionTree } from "./tree.ts";

/** A model from before `service` was a built-in kind of subject. Stored models are not validated again. */
const policy = new Policy(new PermissionTree([{ value: "Host.Enter", parent: null }]), {
  resourceTypes: {
    service: { relations: { operator: { subjects: ["user"] } } },
    Host: {
      relations: { runs: { subjects: ["service"] }, operator: { from: { through: "runs", relation: "operator" } } },
      permissions: { "Host.Enter": { allow: { any: ["operator", "runs"] } } },
    },
  },
});
const relationships = new RelationshipIndex([
  { resource: { type: "Host", id: "h1" }, relation: "runs", subject: { type: "service", id: "mail" } },
  { resource: { type: "service", id: "mail" }, relation: "operator", subject: { type: "user", id: "an" } },
]);

const enters = (id: string, kind: "user" | "service") => {
  const view = new View(policy, {
    user: { id, kind, status: "Active" },
    tenant: { id: "mall", status: "Active" },
    roles: [{ id: "r", name: "Nobody", rules: compileRules([]) }],
  });
  return decide(view, "Host.Enter", { resource: { type: "Host", id: "h1" }, relationships });
};

describe("a stored model with a resource type named service", () => {
  it("still grants through its resources", () => {
    expect(enters("an", "user")).toMatchObject({ allowed: true, reason: "grant" });
    expect(enters("binh", "user")).toMatchObject({ allowed: false });
  });

  it("grants nothing to service accounts, even with the id of such a resource", () => {
    expect(enters("mail", "service")).toMatchObject({ allowed: false, reason: "missing_permission" });
  });
});
