import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Budget, evaluationLimits } from "./budget.ts";
import { type Comparison, type Condition, conditionLimits, type Operand, operators } from "./condition/condition.ts";
import { operatorDefinitions } from "./condition/operators.ts";
import { includesText } from "./condition/text-search.ts";
import { decide } from "./decision/decide.ts";
import { allowedAmongInSteps, resourcesByRelationInSteps } from "./decision/list.ts";
import { View } from "./decision/view.ts";
import { explain, explainInSteps } from "./explain/explain.ts";
import { filterInSteps } from "./filter/make-filter.ts";
import { PolicyError } from "./issues.ts";
import { compilePolicy } from "./model/policy.ts";
import { compileRules } from "./model/role.ts";
import { RelationshipIndex } from "./relation/index-in-memory.ts";
import type { Relationship } from "./relation/relationship.ts";

const group = { subjects: ["user", "Group#member"] };
const policy = compilePolicy([{ value: "Doc.Read", parent: null }], {
  resourceTypes: {
    Group: { relations: { member: group } },
    Doc: { relations: { reader: group }, permissions: { "Doc.Read": { allow: "reader" } } },
  },
});
const viewWith = (condition?: Condition) =>
  new View(policy, {
    user: { id: "an", status: "Active" },
    tenant: { id: "school", status: "Active" },
    roles: [{ id: "r", name: "Role", rules: compileRules(condition ? [{ permission: "Doc.Read", effect: "allow", condition }] : []) }],
  });

/** What a body of 256 KiB can hold, and less. */
const sizes = [0, 1, 200, 9_999, evaluationLimits.listLength, evaluationLimits.listLength + 1, 60_000] as const;
type Shape = "ascending" | "same" | "texts" | "text" | "nearly" | "number" | "address" | "time" | "object";
const shapes: readonly Shape[] = ["ascending", "same", "texts", "text", "nearly", "number", "address", "time", "object"];
function made(shape: Shape, size: number): unknown {
  const values: Readonly<Record<Shape, () => unknown>> = {
    ascending: () => Array.from({ length: size }, (_none, index) => index),
    same: () => Array.from({ length: size }, () => 1),
    texts: () => Array.from({ length: size }, (_none, index) => `t${index}`),
    text: () => "a".repeat(size),
    nearly: () => `b${"a".repeat(size)}`,
    number: () => size,
    address: () => "10.250.0.1",
    time: () => "2026-11-27T08:00:00Z",
    object: () => Object.fromEntries(Array.from({ length: Math.min(size, 1_000) }, (_none, index) => [`k${index}`, index])),
  };
  return values[shape]();
}
const written: Readonly<Record<string, Operand>> = {
  hours: ["08:00", "17:30"],
  weekdays: ["mon", "tue"],
  networks: Array.from({ length: conditionLimits.listLength }, (_none, index) => `10.${index}.0.0/16`),
};
function comparison(operator: Comparison["operator"]): Comparison {
  const { right } = operatorDefinitions[operator];
  if (right === undefined) return { operator, left: "$request.a" };
  return { operator, left: "$request.a", right: written[right] ?? "$request.b" };
}
const widest = (part: Comparison): Condition => ({ all: Array.from({ length: conditionLimits.nodes - 1 }, () => ({ ...part })) });

/** What was answered, and what it cost. */
function outcomeOf(ask: (budget: Budget) => unknown): { readonly outcome: unknown; readonly spent: number } {
  const budget = new Budget(Number.MAX_SAFE_INTEGER);
  try {
    return { outcome: ask(budget), spent: budget.spent };
  } catch (error) {
    if (error instanceof PolicyError) return { outcome: error.code, spent: budget.spent };
    throw error;
  }
}
/** The last comparison before the bound may go beyond it: by no more than its two values. */
const slack = 2 * evaluationLimits.listLength * 2 + 60_000;

/** Processor time of this thread that the longest piece between two pauses takes: the least of some runs, so that only the work counts. */
function longestPieceMs(run: () => Generator<void, unknown>): number {
  const runs = Array.from({ length: 4 }, () => {
    const steps = run();
    let longest = 0;
    for (let done: boolean | undefined = false; !done; ) {
      const before = process.threadCpuUsage();
      try {
        ({ done } = steps.next());
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        done = true;
      }
      const { user, system } = process.threadCpuUsage(before);
      longest = Math.max(longest, (user + system) / 1_000);
    }
    return longest;
  });
  return Math.min(...runs);
}
function* once(work: () => unknown): Generator<void, unknown> {
  yield;
  return work();
}
const pieceMsMax = 50;

describe("a decision costs a bounded number of steps", () => {
  const cases = operators.flatMap((operator) => shapes.map((left) => [operator, left] as const));

  it.each(operators)("with any operands of %s", (operator) => {
    const condition = widest(comparison(operator));
    const view = viewWith(condition);
    for (const left of shapes) {
      for (const right of shapes) {
        for (const size of sizes) {
          const request = { a: made(left, size), b: made(right, size) };
          const { spent } = outcomeOf((budget) => decide(view, "Doc.Read", { request, budget }));
          expect(spent, `${left} ${right} ${size}`).toBeLessThanOrEqual(evaluationLimits.decisionSteps + slack);
        }
      }
    }
  });

  it("with any generated conditions and values", () => {
    const part = fc.constantFrom(...cases).map(([operator]) => comparison(operator));
    const tree = fc.letrec<{ condition: Condition }>((tie) => ({
      condition: fc.oneof(
        { depthSize: "small", maxDepth: 5 },
        part,
        fc.array(tie("condition"), { minLength: 1, maxLength: 6 }).map((all) => ({ all })),
        fc.array(tie("condition"), { minLength: 1, maxLength: 6 }).map((any) => ({ any })),
        tie("condition").map((not) => ({ not })),
      ),
    })).condition;
    const value = fc.tuple(fc.constantFrom(...shapes), fc.constantFrom(...sizes)).map(([shape, size]) => made(shape, size));
    fc.assert(
      fc.property(tree, value, value, (condition, a, b) => {
        const { spent } = outcomeOf((budget) => decide(viewWith(condition), "Doc.Read", { request: { a, b }, budget }));
        return spent <= evaluationLimits.decisionSteps + slack;
      }),
      { numRuns: 200 },
    );
  });

  it("and rejects a list that is longer than any operator accepts, even if a condition only tests its existence", () => {
    const request = { a: made("ascending", evaluationLimits.listLength + 1), b: [1] };
    for (const condition of [comparison("contains_all"), { not: comparison("exists") }, comparison("exists")]) {
      expect(() => decide(viewWith(condition), "Doc.Read", { request })).toThrow("at most 10000");
    }
  });

  it("and all decisions of a request are limited by its budget", () => {
    const budget = new Budget(1_000);
    const view = viewWith(comparison("equals"));
    const ask = () => decide(view, "Doc.Read", { request: { a: 1, b: 1 }, budget });
    expect(() => {
      for (let asked = 0; asked < 1_000; asked += 1) ask();
    }).toThrow("evaluation_limit");
    expect(budget.isExhausted).toBe(true);
  });
});

const reader = (doc: string, id: string): Relationship => ({
  resource: { type: "Doc", id: doc },
  relation: "reader",
  subject: { type: "Group", id, relation: "member" },
});
const many = (count: number, make: (index: number) => Relationship) =>
  new RelationshipIndex(Array.from({ length: count }, (_none, index) => make(index)));
const flag: Condition = { operator: "equals", left: "$request.flag", right: true };

/** Relationships that make work, each with the resource to ask about. */
const worlds: Readonly<Record<string, RelationshipIndex>> = {
  "6,600 groups": many(6_600, (index) => reader("d", `g${index}`)),
  "20,000 groups": many(20_000, (index) => reader("d", `g${index}`)),
  "as many conditions": many(5_000, (index) => ({
    ...reader("d", "x"),
    subject: { type: "user", id: "an" },
    condition: widest({ ...comparison("in_network"), left: `$request.missing${index}` }),
  })),
  "10,000 resources": many(10_000, (index) => ({ ...reader(`d${index}`, "x"), subject: { type: "user", id: "an" }, condition: flag })),
  "a chain": many(10_000, (index) => ({
    ...reader("d", `g${index + 1}`),
    resource: { type: index === 0 ? "Doc" : "Group", id: index === 0 ? "d" : `g${index}` },
    relation: index === 0 ? "reader" : "member",
  })),
};

describe.each(Object.entries(worlds))(
  `with %s no piece of work without a pause takes ${pieceMsMax} ms of processor`,
  (_name, relationships) => {
    const view = viewWith();
    const context = { relationships, request: { flag: true, a: "10.0.0.1" } };
    const about = { ...context, resource: { type: "Doc", id: "d" } };
    const ids = Array.from({ length: 500 }, (_none, index) => `d${index}`);
    it.each<[string, () => Generator<void, unknown>]>([
      ["decide", () => once(() => decide(view, "Doc.Read", about))],
      ["explain", () => explainInSteps(view, "Doc.Read", about)],
      ["filter", () => filterInSteps(view, "Doc.Read", "Doc", context)],
      ["list", () => resourcesByRelationInSteps(view, "Doc.Read", "Doc", context)],
      ["allowed among", () => allowedAmongInSteps(view, "Doc.Read", "Doc", ids, context)],
    ])("%s", (_what, run) => {
      expect(longestPieceMs(run)).toBeLessThan(pieceMsMax);
    });
  },
);

describe(`a decision with 63 comparisons takes less than ${pieceMsMax} ms of processor time`, () => {
  it.each(operators)("with the operator %s", (operator) => {
    const view = viewWith(widest(comparison(operator)));
    for (const [left, right] of [
      ["ascending", "ascending"],
      ["text", "nearly"],
      ["address", "texts"],
      ["time", "number"],
      ["number", "same"],
    ] as const) {
      const request = { a: made(left, 9_999), b: made(right, left === "text" ? 60_000 : 9_999) };
      const run = () =>
        once(() => decide(view, "Doc.Read", { request: { ...request, a: left === "text" ? "a".repeat(120_000) : request.a } }));
      expect(longestPieceMs(run), `${left} ${right}`).toBeLessThan(pieceMsMax);
    }
  });
});

it("the text search agrees with the JavaScript engine's own", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 3_000 });
  fc.assert(
    fc.property(text, text, (one, other) => includesText(one, other) === one.includes(other)),
    { numRuns: 300 },
  );
  const long = "ab".repeat(5_000);
  for (const part of [`${long.slice(1)}`, `${long.slice(0, 4_000)}b`, "", long, `${long}a`])
    expect(includesText(long, part)).toBe(long.includes(part));
});

it("an explanation of paths that meet repeatedly has a bounded length", () => {
  const ways = Array.from({ length: 25 }, (_none, index) =>
    ["a", "b"].flatMap((from) =>
      ["a", "b"].map((to) => ({
        resource: { type: "Group", id: `${from}${index}` },
        relation: "member",
        subject: { type: "Group", id: `${to}${index + 1}`, relation: "member" },
      })),
    ),
  ).flat();
  const relationships = new RelationshipIndex([reader("d", "a0"), ...ways]);
  const explained = explain(viewWith(), "Doc.Read", { resource: { type: "Doc", id: "d" }, relationships });
  const text = JSON.stringify(explained);
  expect(text.length).toBeLessThan(2_000_000);
  expect(text).toContain('"cutShort":true');
});
