import { describe, expect, it } from "vitest";
import { compilePolicy, compileRules, decide, explain, filter, listActions, View } from "../index.ts";

const permissions = [
  { value: "Doc", parent: null },
  { value: "Doc.View", parent: "Doc" },
  { value: "Doc.Edit", parent: "Doc" },
];
const view = new View(compilePolicy(permissions, {}), {
  user: { id: "thu", status: "Active" },
  tenant: { id: "school", status: "Active" },
  roles: [{ id: "editor", name: "editor", rules: compileRules(["Doc"]) }],
});
const scopes = (...values: string[]) => new Set(values);

describe("two scope limits", () => {
  it.each([
    { name: "both cover it", context: { scopes: scopes("Doc"), callerScopes: scopes("Doc.View") }, allowed: true },
    { name: "the first does not", context: { scopes: scopes("Doc.Edit"), callerScopes: scopes("Doc") }, allowed: false },
    { name: "the second does not", context: { scopes: scopes("Doc"), callerScopes: scopes("Doc.Edit") }, allowed: false },
    { name: "the second alone does not", context: { callerScopes: scopes("Doc.Edit") }, allowed: false },
    { name: "the second is empty", context: { scopes: scopes("Doc"), callerScopes: scopes() }, allowed: false },
  ])("decide alike in checks, filters and lists: $name", ({ context, allowed }) => {
    expect(decide(view, "Doc.View", context)).toMatchObject(allowed ? { allowed } : { allowed, reason: "key_scope" });
    expect(filter(view, "Doc.View", "Doc", context)).toMatchObject({ kind: allowed ? "always" : "never" });
    expect((listActions(view, { ...context, resource: { type: "Doc", id: "1" } }) as readonly string[]).includes("Doc.View")).toBe(allowed);
  });

  it("are two steps of an explanation, and one proposed change widens both", () => {
    const why = explain(view, "Doc.View", { scopes: scopes("Doc.Edit"), callerScopes: scopes("Doc.Edit") });
    if (typeof why === "symbol") throw new Error("pending although everything is at hand");
    const failed = { part: "key_scope", outcome: "failed", scopes: ["Doc.Edit"] };
    expect(why.steps.filter(({ part }) => part === "key_scope")).toEqual([failed, failed]);
    expect(why.changes).toEqual([[{ kind: "widen_scopes", permission: "Doc.View" }]]);
  });
});
