import { isLong } from "@gatehouse/testing/forms.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { filter, issuesOfCondition, matches, PolicyError } from "../../packages/policy/src/index.ts";
import { atOnce, decideDirectly, decideInRounds, Engine } from "./support/engine.ts";
import { circles, type Generated, generated, ids, questionsAWorld } from "./support/generators.ts";
import { decideNaively } from "./support/naive.ts";
import type { Answer } from "./support/world.ts";

/** Generated worlds with four questions each: ten thousand decisions in the long form. */
const worldsInLongForm = 2_500;
const worlds = isLong ? worldsInLongForm : 300;
/** The time limit with concurrent tests; alone a run takes a quarter of it. */
const timeoutMs = 120_000;

/** The same worlds each time, so that failures are reproducible; `POLICY_SEED=random` generates others. */
const seed = process.env["POLICY_SEED"] ?? "20261120";
const seeded = seed === "random" ? {} : { seed: Number(seed) };

/** Each reason must occur this often in the long form, or the agreement proves nothing about it. */
const floor: Readonly<Record<string, number>> = {
  role: 500,
  grant: 80,
  condition: 100,
  missing_permission: 300,
  explicit_deny: 300,
  key_scope: 100,
  session_strength: 100,
  entitlement: 80,
  entitlement_data_unavailable: 30,
  not_a_member: 40,
  permission_data_unavailable: 40,
  user_inactive: 20,
  organization_suspended: 20,
  invalid_input: 100,
  unknown_permission: 20,
  unknown_resource_type: 20,
};

/** Enough that every operator was left undecided many times. */
const worldsOfFilters = isLong ? 1_000 : 200;

/** Twelve questions each. */
const worldsOfCircles = isLong ? 1_000 : 200;

describe("the engine and the naive evaluator", () => {
  it("the engine and the naive evaluator decide alike in generated worlds, for every reason", { timeout: timeoutMs }, () => {
    const outcomes = new Map<string, number>();
    let refused = 0;
    let allowed = 0;
    fc.assert(
      fc.property(generated, (world) => {
        const engine = compiled(world);
        if (engine === undefined) refused++;
        fc.pre(engine !== undefined);
        for (const question of world.questions) {
          const view = engine.view(question.subject);
          const context = engine.context(question);
          const answer = decideDirectly(view, question.action, context);
          expect(decideInRounds(view, question.action, context)).toEqual(answer);
          expect("error" in answer ? { ...answer, fields: undefined } : answer).toEqual(decideNaively(world, question));
          if ("error" in answer) expect(answer.fields).not.toEqual([]);
          const outcome = "error" in answer ? answer.error : answer.reason;
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          if ("allowed" in answer && answer.allowed) allowed++;
        }
      }),
      { numRuns: worlds, ...seeded },
    );
    const decisions = worlds * questionsAWorld;
    console.info(`${decisions} decisions, ${refused} models refused`, Object.fromEntries([...outcomes].sort(([, a], [, b]) => b - a)));
    expect(refused).toBeLessThan(worlds / 2); // a third of all that were drawn
    expect(allowed).toBeGreaterThan(decisions / 20);
    // Half of its share, because fewer worlds vary more.
    const share = isLong ? 1 : worlds / worldsInLongForm / 2;
    const tooSeldom = Object.entries(floor).filter(([outcome, least]) => (outcomes.get(outcome) ?? 0) < least * share);
    expect(tooSeldom.map(([outcome]) => `${outcome} occurred ${outcomes.get(outcome) ?? 0} times`)).toEqual([]);
  });

  it("the engine and the naive evaluator decide alike on cyclic relationships", { timeout: timeoutMs }, () => {
    const outcomes = new Map<string, number>();
    fc.assert(
      fc.property(circles, (world) => {
        const engine = new Engine(world);
        for (const question of world.questions) {
          const view = engine.view(question.subject);
          const answer = decideDirectly(view, question.action, engine.context(question));
          expect(decideInRounds(view, question.action, engine.context(question))).toEqual(answer);
          expect("error" in answer ? { ...answer, fields: undefined } : answer).toEqual(decideNaively(world, question));
          const outcome = "error" in answer ? answer.error : answer.reason;
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
      }),
      { numRuns: worldsOfCircles, ...seeded },
    );
    for (const outcome of ["grant", "missing_permission", "invalid_input"])
      expect(outcomes.get(outcome)).toBeGreaterThan(worldsOfCircles / 10);
  });

  it("the engine's filter selects what the naive evaluator allows in generated worlds", { timeout: timeoutMs }, () => {
    const count = { chosen: 0, left: 0, undecided: 0 };
    fc.assert(
      fc.property(generated, (world) => {
        const engine = compiled(world);
        fc.pre(engine !== undefined);
        const rows = world.questions.flatMap(({ resource }) => (resource?.attributes ? [resource.attributes] : []));
        for (const question of world.questions) {
          const { resource, ...context } = engine.context(question);
          const { type } = resource ?? {};
          if (type === undefined) continue;
          const cases = rows.flatMap((attributes) => ids.map((id) => ({ ...question, resource: { type, id, attributes } })));
          const expected = cases.map((each) => decideNaively(world, each));
          try {
            const chosen = filter(engine.view(question.subject), question.action, type, context);
            for (const [index, { resource: row }] of cases.entries()) {
              const isChosen = matches(atOnce(chosen), { ...row.attributes, id: row.id });
              expect({ row, isChosen }).toEqual({ row, isChosen: isAllowed(expected[index]) });
              count[isChosen ? "chosen" : "left"]++;
            }
          } catch (error) {
            if (!(error instanceof PolicyError)) throw error;
            // An unknown name is unknown to both; missing input outside of the resource makes the whole filter fail.
            if (error.code !== "invalid_input") expect(expected).toEqual(expected.map(() => ({ error: error.code, fields: undefined })));
            count.undecided++;
          }
        }
      }),
      { numRuns: worldsOfFilters, ...seeded },
    );
    console.info("rows by filters", count);
    expect(count.chosen).toBeGreaterThan(worldsOfFilters / 2);
    expect(count.left).toBeGreaterThan(worldsOfFilters / 2);
    expect(count.undecided).toBeLessThan(worldsOfFilters);
  });
});

const isAllowed = (answer: Answer | undefined): boolean => answer !== undefined && "allowed" in answer && answer.allowed;

/** The engine, or undefined if it refuses the model. Generated conditions are always valid. */
function compiled(world: Generated): Engine | undefined {
  const conditions = [
    ...world.relationships.map(({ condition }) => condition),
    ...world.questions.flatMap(({ subject }) => subject.roles ?? []).flatMap((role) => role?.rules.map((rule) => rule.condition) ?? []),
  ];
  expect(conditions.flatMap((condition) => (condition ? issuesOfCondition(condition) : []))).toEqual([]);
  try {
    return new Engine(world);
  } catch (error) {
    if (error instanceof PolicyError && error.code === "invalid_definition") return undefined;
    throw error;
  }
}
