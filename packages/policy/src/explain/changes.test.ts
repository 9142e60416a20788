import { describe, expect, it } from "vitest";
import {
  type AuthorizationModel,
  type Change,
  compilePolicy,
  compileRules,
  explain,
  type Relationship,
  RelationshipIndex,
  type RoleFacts,
  type RoleRule,
  type SubjectRef,
  View,
} from "../index.ts";

/** The order in which changes are proposed, and what is never proposed. */
const role = (id: string, rules: readonly (string | RoleRule)[] = [], isSystem = false): RoleFacts => ({
  id,
  name: id,
  rules: compileRules(rules),
  isSystem,
});
const permissions = [
  { value: "Doc", parent: null },
  { value: "Doc.View", parent: "Doc" },
  { value: "Doc.Edit", parent: "Doc" },
];
const plain = role("plain");

interface Scene {
  readonly types: AuthorizationModel["resourceTypes"] & object;
  readonly facts?: readonly string[];
  readonly held?: readonly RoleFacts[];
  readonly others?: readonly RoleFacts[];
  readonly action?: string;
}

/** `Doc:1#viewer@user:thu`. */
function fact(text: string): Relationship {
  const [resource, relation, subject] = text.split(/[#@](?=\w+(?:@|:\S+$))/) as [string, string, string];
  const [type, id] = resource.split(":") as [string, string];
  const [subjectType, rest] = subject.split(":") as [string, string];
  const [subjectId, subjectRelation] = rest.split("#") as [string, string | undefined];
  const named: SubjectRef = { type: subjectType, id: subjectId, ...(subjectRelation ? { relation: subjectRelation } : {}) };
  return { resource: { type, id }, relation, subject: named };
}

function proposed({ types, facts = [], held = [plain], others = [], action = "Doc.View" }: Scene): string[] {
  const view = new View(compilePolicy(permissions, { resourceTypes: types }), {
    user: { id: "thu", status: "Active" },
    tenant: { id: "school", status: "Active" },
    roles: held,
  });
  const relationships = new RelationshipIndex(facts.map(fact));
  const why = explain(view, action, { resource: { type: "Doc", id: "1" }, relationships }, others);
  if (typeof why === "symbol") throw new Error("pending although everything is at hand");
  expect(why.decision.allowed).toBe(false);
  return why.changes.map((set) => set.map(textOf).join(" and "));
}

function textOf(change: Change): string {
  const said = change.kind === "add_relationship" ? change : change.kind === "remove_relationship" ? change.relationship : undefined;
  if (said === undefined) return "roleName" in change ? `${change.kind} ${change.roleName}` : change.kind;
  const { resource, relation, subject } = said;
  const of = subject.relation === undefined ? "" : `#${subject.relation}`;
  return `${change.kind === "add_relationship" ? "+" : "-"}${resource.type}:${resource.id}#${relation}@${subject.type}:${subject.id}${of}`;
}

const users = { subjects: ["user"] };

describe("proposed changes", () => {
  it("lift a ban that is an exclusion, and include no role that would bypass it", () => {
    const types = {
      Doc: {
        relations: { viewer: users, banned: users, may_view: { from: { base: "viewer", except: "banned" } } },
        permissions: { "Doc.View": { allow: "may_view" } },
      },
    };
    const scene = { types, facts: ["Doc:1#viewer@user:thu", "Doc:1#banned@user:thu"], others: [role("reader", ["Doc.View"])] };
    expect(proposed(scene)).toEqual(["-Doc:1#banned@user:thu"]);
  });

  it("lift a ban of a group by leaving the group, before lifting the ban of the whole group", () => {
    const types = {
      Group: { relations: { member: users } },
      Doc: { relations: { banned: { subjects: ["user:*", "Group#member"] } }, permissions: { "Doc.View": { deny: "banned" } } },
    };
    const held = [role("reader", ["Doc.View"])];
    expect(proposed({ types, held, facts: ["Doc:1#banned@Group:late#member", "Group:late#member@user:thu"] })).toEqual([
      "-Group:late#member@user:thu",
    ]);
    expect(proposed({ types, held, facts: ["Doc:1#banned@user:*"] })).toEqual(["-Doc:1#banned@user:*"]);
  });

  it("grant an exception if the denying rule has one", () => {
    const types = {
      Doc: {
        relations: { sealed: { subjects: ["user:*"] }, cleared: users },
        permissions: { "Doc.View": { deny: { base: "sealed", except: "cleared" } } },
      },
    };
    expect(proposed({ types, held: [role("reader", ["Doc.View"])], facts: ["Doc:1#sealed@user:*"] })).toEqual(["+Doc:1#cleared@user:thu"]);
  });

  it("add the user to the resource, to a group with access, to each parent, and only then assign roles", () => {
    const types = {
      Group: { relations: { member: users } },
      Folder: { relations: { parent: { subjects: ["Folder"] }, viewer: { ...users, from: { through: "parent", relation: "viewer" } } } },
      Doc: {
        relations: {
          folder: { subjects: ["Folder"] },
          editor: users,
          viewer: { subjects: ["user", "Group#member"], from: { any: ["editor", { through: "folder", relation: "viewer" }] } },
        },
        permissions: { "Doc.View": { allow: "viewer" }, "Doc.Edit": { allow: "editor" } },
      },
    };
    const facts = ["Doc:1#folder@Folder:a", "Folder:a#parent@Folder:b", "Folder:b#parent@Folder:c", "Doc:1#viewer@Group:eng#member"];
    const others = [role("Owner", ["Doc"], true), role("all", ["Doc"]), role("reader", ["Doc.View"])];
    expect(proposed({ types, facts, others })).toEqual([
      "+Doc:1#viewer@user:thu",
      "+Doc:1#editor@user:thu",
      "+Group:eng#member@user:thu",
      "+Folder:a#viewer@user:thu",
      "+Folder:b#viewer@user:thu",
      "+Folder:c#viewer@user:thu",
      "give_role reader",
      "give_role all",
      "add_permission plain",
      "give_role Owner",
    ]);
  });

  it("grant to a role, a set or a parent of the user if nothing can be granted to the user alone", () => {
    const group = { Group: { relations: { member: users } } };
    const bySet = { Doc: { relations: { viewer: { subjects: ["Group#member"] } }, permissions: { "Doc.View": { allow: "viewer" } } } };
    const byRole = { Doc: { relations: { viewer: { subjects: ["role"] } }, permissions: { "Doc.View": { allow: "viewer" } } } };
    const facts = ["Group:eng#member@user:thu"];
    expect(proposed({ types: { ...group, ...bySet }, facts })[0]).toBe("+Doc:1#viewer@Group:eng#member");
    expect(proposed({ types: byRole })[0]).toBe("+Doc:1#viewer@role:plain");
  });

  it("include the role that a relation of the resource names, although it has no permission", () => {
    const types = { Doc: { relations: { viewer: { subjects: ["role"] } }, permissions: { "Doc.View": { allow: "viewer" } } } };
    expect(proposed({ types, facts: ["Doc:1#viewer@role:guest"], others: [role("guest"), role("other")] })).toContain("give_role guest");
  });

  it("combine two relationships if neither suffices, and more if needed", () => {
    const names = ["a", "b", "c"];
    const relations = {
      ...Object.fromEntries(names.map((name) => [name, users])),
      two: { from: { all: ["a", "b"] } },
      three: { from: { all: names } },
    };
    const types = { Doc: { relations, permissions: { "Doc.View": { allow: "two" }, "Doc.Edit": { allow: "three" } } } };
    expect(proposed({ types })).toEqual(["+Doc:1#a@user:thu and +Doc:1#b@user:thu", "add_permission plain"]);
    // What gives least comes first: c is of no use for Doc.View.
    expect(proposed({ types, action: "Doc.Edit" })[0]).toBe("+Doc:1#c@user:thu and +Doc:1#a@user:thu and +Doc:1#b@user:thu");
  });

  it("lift the ban and assign the role if both are needed", () => {
    const types = { Doc: { relations: { banned: users }, permissions: { "Doc.View": { deny: "banned" } } } };
    expect(proposed({ types, facts: ["Doc:1#banned@user:thu"], others: [role("reader", ["Doc.View"])] })).toEqual([
      "-Doc:1#banned@user:thu and give_role reader",
      "-Doc:1#banned@user:thu and add_permission plain",
    ]);
  });

  it("defeat no condition of a role of the user or of a relationship", () => {
    const condition = { operator: "equals", left: "$request.site", right: "north" } as const;
    const held = [role("night", [{ permission: "Doc.View", effect: "allow", condition }])];
    const types = { Doc: { relations: { viewer: users }, permissions: { "Doc.View": { allow: "viewer" } } } };
    const view = new View(compilePolicy(permissions, { resourceTypes: types }), {
      user: { id: "thu", status: "Active" },
      tenant: { id: "school", status: "Active" },
      roles: held,
    });
    const relationships = new RelationshipIndex([{ ...fact("Doc:1#viewer@user:thu"), condition }]);
    const why = explain(view, "Doc.View", { resource: { type: "Doc", id: "1" }, relationships, request: { site: "south" } });
    expect(typeof why === "symbol" ? why : why.changes.flat()).toMatchObject([
      { kind: "meet_condition", roleName: "night" },
      { kind: "meet_condition", relationship: fact("Doc:1#viewer@user:thu") },
    ]);
  });

  it("add no permission to a system role, which cannot be changed", () => {
    const types = { Doc: {} };
    expect(proposed({ types, held: [role("Member", [], true)] })).toEqual([]);
  });
});
