import { describe, expect, it } from "vitest";
import { decide } from "../decision/decide.ts";
import { pendingDecision } from "../decision/decision.ts";
import { View } from "../decision/view.ts";
import { compilePolicy } from "../model/policy.ts";
import { compileRules } from "../model/role.ts";
import { RelationshipIndex } from "./index-in-memory.ts";
import type { Relationship, RelationshipReader, SubjectRef } from "./relationship.ts";

const policy = compilePolicy([{ value: "Group.Enter", parent: null }], {
  resourceTypes: {
    Group: { relations: { member: { subjects: ["user", "Group#member"] } }, permissions: { "Group.Enter": { allow: "member" } } },
  },
});
const view = new View(policy, {
  user: { id: "an", status: "Active" },
  tenant: { id: "school", status: "Active" },
  roles: [{ id: "r", name: "Nobody", rules: compileRules([]) }],
});

const group = (id: number): string => `g${id}`;
const member = (id: string, subject: SubjectRef, more: Partial<Relationship> = {}): Relationship => ({
  resource: { type: "Group", id },
  relation: "member",
  subject,
  ...more,
});

/** Every group is a member of every other one. */
function clique(size: number): Relationship[] {
  const groups = Array.from({ length: size }, (_none, index) => index);
  return groups.flatMap((one) =>
    groups.filter((other) => other !== one).map((other) => member(group(one), { type: "Group", id: group(other), relation: "member" })),
  );
}

/** Counts look-ups of an index; with `late`, only repeated look-ups have a result. */
function counted(index: RelationshipIndex, late = false): RelationshipReader & { lookups: number } {
  const loaded = new Set<string>();
  const at = (key: string, answer: readonly Relationship[]) => {
    reader.lookups += 1;
    if (!late || loaded.has(key)) return answer;
    loaded.add(key);
    return undefined;
  };
  const reader = {
    lookups: 0,
    direct: (...lookups: Parameters<RelationshipReader["direct"]>) => at(JSON.stringify(["direct", lookups]), index.direct(...lookups)),
    indirect: (...lookups: Parameters<RelationshipReader["indirect"]>) =>
      at(JSON.stringify(["indirect", lookups]), index.indirect(...lookups)),
    reverse: (...lookups: Parameters<RelationshipReader["reverse"]>) => index.reverse(...lookups),
  };
  return reader;
}

const enter = (relationships: RelationshipReader, request = {}) =>
  decide(view, "Group.Enter", { resource: { type: "Group", id: group(0) }, relationships, request });
const me: SubjectRef = { type: "user", id: "an" };
const flag = { operator: "equals", left: "$request.flag", right: true } as const;

describe("groups that are all members of each other", () => {
  const size = 30;

  it("are searched once per group, not once per path, for a user who is no member", () => {
    const reader = counted(new RelationshipIndex(clique(size)));
    expect(enter(reader)).toMatchObject({ allowed: false, reason: "missing_permission" });
    expect(reader.lookups).toBeLessThanOrEqual(2 * size);
  });

  it("contain a member of any of them", () => {
    expect(enter(counted(new RelationshipIndex([...clique(size), member(group(size - 1), me)])))).toMatchObject({ reason: "grant" });
  });

  it("are decided in polynomial time if the only entry has a condition", () => {
    const index = () => counted(new RelationshipIndex([...clique(size), member(group(size - 1), me, { condition: flag })]));
    expect(enter(index(), { flag: true })).toMatchObject({ reason: "grant" });
    expect(enter(index(), { flag: false })).toMatchObject({ reason: "missing_permission" });
    const undecided = index();
    expect(() => enter(undecided)).toThrow("$request.flag");
    expect(undecided.lookups).toBeLessThan(size ** 3);
  });

  it("are loaded in as many rounds as the path is long", () => {
    const reader = counted(new RelationshipIndex(clique(size)), true);
    let rounds = 0;
    for (; enter(reader) === pendingDecision; rounds += 1) expect(rounds).toBeLessThan(size);
    expect(rounds).toBeGreaterThan(0);
  });
});
