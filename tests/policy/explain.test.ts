import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Change,
  compileRules,
  type Explanation,
  explain,
  PolicyError,
  type Relationship,
  RelationshipIndex,
  type RelationshipReader,
  type RoleFacts,
} from "../../packages/policy/src/index.ts";
import { loadCorpus } from "./support/corpus.ts";
import { decideDirectly, Engine, inRounds } from "./support/engine.ts";
import { generated } from "./support/generators.ts";
import { decideNaively } from "./support/naive.ts";
import {
  afterChange,
  type Evaluation,
  isDenial,
  isOfUserAlone,
  keyOf,
  rolesOf,
  type Single,
  singlesOf,
} from "./support/proposed-changes.ts";
import type { Answer, Question, Role, World } from "./support/world.ts";

/** Compares the proposals for each denial of the corpus with every possible single change. */
const files = loadCorpus();
/** Fewer denials would mean that the search misses some. */
const denialsMin = 260;
/** The maximum of proposals of one kind. */
const ofOneKindMax = 12;
/** Generated worlds, four questions each. */
const worlds = 400;
const timeoutMs = 120_000;

type Roles = ReadonlyMap<string, Role>;

it("the denials of the whole corpus are covered", () => {
  expect(files.flatMap(({ cases }) => cases.filter(isDenial)).length).toBeGreaterThanOrEqual(denialsMin);
});

describe.each(files.filter(({ cases }) => cases.some(isDenial)))("denials of $name", (file) => {
  const roles = rolesOf(file);
  const engine = new Engine(file);
  it.each(file.cases.filter(isDenial))("$name: what is proposed allows, and no single change is missed", (question) => {
    const { changes } = explained(engine, question, roles);
    expectEachEnough(file, question, changes, roles);
    expectNoneMissed(engine, file, question, changes, roles);
  });
});

it("explanations propose changes that allow, and miss no single change, in generated worlds", { timeout: timeoutMs }, () => {
  let denials = 0;
  let mended = 0;
  fc.assert(
    fc.property(generated, (world) => {
      const engine = compiled(world);
      fc.pre(engine !== undefined);
      const roles: Roles = new Map(
        world.questions.flatMap(({ subject }) => (subject.roles ?? []).flatMap((role) => (role ? [[role.id, role] as const] : []))),
      );
      for (const question of world.questions) {
        const answer = decideDirectly(engine.view(question.subject), question.action, engine.context(question));
        if ("error" in answer || answer.allowed) continue;
        const { changes } = explained(engine, question, roles);
        denials += 1;
        if (changes.length > 0) mended += 1;
        expectEachEnough(world, question, changes, roles);
        expectNoneMissed(engine, world, question, changes, roles);
      }
    }),
    { numRuns: worlds, seed: 20261128 },
  );
  console.info(`${denials} denials, ${mended} with changes`);
  expect(mended).toBeGreaterThan(worlds / 2);
});

/** Expects that every set of changes allows, in the engine and the naive evaluator, and no subset does. */
function expectEachEnough(world: World, question: Question, sets: readonly (readonly Change[])[], roles: Roles): void {
  for (const changes of sets) {
    const answer = answersAfter(world, question, changes, roles);
    expect({ changes, answer }).toMatchObject({ answer: [{ allowed: true }, { allowed: true }] });
    for (const change of changes) {
      const fewer = changes.filter((each) => each !== change);
      expect({ fewer, isAllowed: isAllowed(answersAfter(world, question, fewer, roles)[0]) }).toEqual({ fewer, isAllowed: false });
    }
  }
  const texts = sets.map((changes) => changes.map(textOf).sort().join());
  expect(texts.filter((text, index) => texts.indexOf(text) !== index)).toEqual([]);
}

/**
 * Expects that every sufficient single change of the user alone is proposed, and a similar one if it concerns others. Changes that undo
 * a rule are not proposed: an existing conditional relationship, and a role instead of a ban that is to be removed.
 */
function expectNoneMissed(engine: Engine, world: World, question: Question, sets: readonly (readonly Change[])[], roles: Roles): void {
  const single = sets.flatMap((changes) => (changes.length === 1 && changes[0] ? [changes[0]] : []));
  const enough = singlesOf({ world, question }, roles)
    .filter((change) => isAllowed(answerAfter(engine, world, question, change, roles)))
    .filter((change) => !isConditionUndone(change, world));
  const ofUser = enough.filter((change) => isOfUserAlone(change, question)).map(textOf);
  const proposed = new Set(single.map(textOf));
  const missed = ofUser.length > ofOneKindMax ? [] : ofUser.filter((text) => !proposed.has(text));
  expect({ missed, question, sets }).toEqual({ missed: [], question, sets });
  const kindsMissed = [
    ...(enough.some(isOfRelationship) && !single.some(isOfRelationship) ? ["a relationship"] : []),
    ...(enough.some(({ kind }) => kind === "give_role") &&
    !single.some(({ kind }) => kind === "give_role" || kind === "remove_relationship")
      ? ["a role"]
      : []),
  ];
  expect({ kindsMissed, enough, sets }).toEqual({ kindsMissed: [], enough, sets });
}

function explained(engine: Engine, question: Question, roles: Roles): Explanation {
  const others = [...roles.values()].map(({ id, name, rules }): RoleFacts => ({ id, name, rules: compileRules(rules) }));
  const view = engine.view(question.subject);
  return inRounds(engine.context(question), (context) => explain(view, question.action, context, others));
}

/** The decisions of the engine and the naive evaluator after the changes. */
function answersAfter(world: World, question: Question, changes: readonly Change[], roles: Roles): [Answer, Answer] {
  const start: Evaluation = { world, question };
  const evaluation = changes.reduce((at, change) => afterChange(at, change, roles), start);
  const engine = new Engine(evaluation.world);
  const answer = decideDirectly(engine.view(evaluation.question.subject), question.action, engine.context(evaluation.question));
  return [answer, decideNaively(evaluation.world, evaluation.question)];
}

/** The engine's decision after a single change, with the rest of the engine reused, because thousands of changes are tried. */
function answerAfter(engine: Engine, world: World, question: Question, change: Single, roles: Roles): Answer {
  const after = afterChange({ world: { ...world, relationships: [] }, question }, change, roles);
  const { relationships } = engine;
  const added = new RelationshipIndex(after.world.relationships);
  const removed = change.kind === "remove_relationship" ? keyOf(change.relationship) : undefined;
  const join = (current: readonly Relationship[], more: readonly Relationship[]) => [
    ...current.filter((each) => keyOf(each) !== removed),
    ...more,
  ];
  const reader: RelationshipReader = {
    direct: (...query) => join(relationships.direct(...query), added.direct(...query)),
    indirect: (...query) => join(relationships.indirect(...query), added.indirect(...query)),
    reverse: (...query) => join(relationships.reverse(...query), added.reverse(...query)),
  };
  return decideDirectly(engine.view(after.question.subject), question.action, { ...engine.context(question), relationships: reader });
}

/** Undefined if the model is refused. */
function compiled(world: World): Engine | undefined {
  try {
    return new Engine(world);
  } catch (error) {
    if (error instanceof PolicyError && error.code === "invalid_definition") return undefined;
    throw error;
  }
}

const isAllowed = (answer: Answer): boolean => "allowed" in answer && answer.allowed;
const isOfRelationship = ({ kind }: Change): boolean => kind === "add_relationship" || kind === "remove_relationship";

/** An existing conditional relationship, granted again without the condition. */
const isConditionUndone = (change: Single, { relationships }: World): boolean =>
  change.kind === "add_relationship" && relationships.some((each) => each.condition && keyOf(each) === keyOf(change));

function textOf(change: Change): string {
  if (change.kind === "add_relationship") return `add ${keyOf(change)}`;
  if (change.kind === "remove_relationship") return `remove ${keyOf(change.relationship)}`;
  if (change.kind === "meet_condition") return `meet ${JSON.stringify(change)}`;
  return "roleId" in change ? `${change.kind} ${change.roleId}` : change.kind;
}
