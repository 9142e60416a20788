import Schema from "typebox/schema";
import { describe, expect, it } from "vitest";
import { issuesOfCondition } from "./check.ts";
import { operators } from "./condition.ts";
import { conditionSchema } from "./schema.ts";

const validator = Schema.Compile(conditionSchema as never);
const same = { operator: "equals", left: "$request.class_id", right: "$user.class_id" } as const;

/** One of each operator, in every form that its sides take. */
const sound: readonly unknown[] = [
  same,
  { all: [same, { any: [{ not: same }] }] },
  { operator: "not_equals", left: "$request.kind", right: { value: "$literally" } },
  { operator: "less_than", left: "$request.amount", right: 100 },
  { operator: "at_most", left: 1, right: "$user.level" },
  { operator: "greater_than", left: "$resource.size", right: { value: 3 } },
  { operator: "at_least", left: "$resource.size", right: 3 },
  { operator: "in", left: "$request.class_id", right: "$user.classes" },
  { operator: "not_in", left: "$request.class_id", right: ["a", 1, true] },
  { operator: "contains", left: "$resource.tags", right: "x" },
  { operator: "contains_any", left: "$resource.tags", right: { value: ["x"] } },
  { operator: "contains_all", left: "$resource.tags", right: [] },
  { operator: "starts_with", left: "$resource.path", right: "/a" },
  { operator: "ends_with", left: "$resource.path", right: "$user.suffix" },
  { operator: "includes", left: "$resource.path", right: "b" },
  { operator: "before", left: "$now", right: "2030-01-01T00:00:00Z" },
  { operator: "after", left: "$resource.opened", right: 0 },
  { operator: "within_last", left: "$session.authenticatedAt", right: 900 },
  { operator: "time_of_day_between", left: "$now", right: ["08:00", "17:30"], zone: "Asia/Ho_Chi_Minh" },
  { operator: "weekday_in", left: "$now", right: ["mon", "fri"] },
  { operator: "in_network", left: "$request.ipAddress", right: ["10.0.0.0/8", "2001:db8::/32"] },
  { operator: "in_network", left: "$request.ipAddress", right: "10.0.0.1" },
  { operator: "exists", left: "$resource.owner" },
];

/** Issues of form: what only a model or a value tells is not the schema's to say. */
const faulty: readonly unknown[] = [
  null,
  [],
  "$user.id",
  {},
  { all: [] },
  { any: same },
  { all: [same], any: [same] },
  { not: [same] },
  { operator: "equal", left: 1, right: 1 },
  { operator: "equals", left: "$request.a" },
  { operator: "equals", left: "$request.a", right: 1, reason: "none" },
  { operator: "exists", left: "$request.a", right: 1 },
  { operator: "less_than", left: "$request.a", right: "many" },
  { operator: "in", left: "$request.a", right: "b" },
  { operator: "equals", left: ["a"], right: "a" },
  { operator: "equals", left: { worth: 1 }, right: 1 },
  { operator: "weekday_in", left: "$now", right: ["someday"] },
  { operator: "weekday_in", left: "$now", right: "$user.days" },
  { operator: "time_of_day_between", left: "$now", right: ["8", "17"] },
];

describe("the schema of conditions", () => {
  it("is tested with every operator", () => {
    const tried = new Set(sound.map((each) => (each as { operator?: string }).operator));
    expect(operators.filter((operator) => !tried.has(operator))).toEqual([]);
  });

  it.each(sound)("accepts a condition that the engine accepts: %j", (condition) => {
    expect(issuesOfCondition(condition)).toEqual([]);
    expect(validator.Check(condition)).toBe(true);
  });

  it.each(faulty)("rejects a condition that the engine rejects: %j", (condition) => {
    expect(issuesOfCondition(condition)).not.toEqual([]);
    expect(validator.Check(condition)).toBe(false);
  });
});
