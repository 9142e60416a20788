import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { eventually } from "@gatehouse/testing/until.ts";
import { describe, expect, it } from "vitest";
import {
  explain,
  filter,
  listActions,
  matches,
  type Pending,
  PolicyError,
  pendingDecision,
  resourcesByRelation,
  type View,
} from "../../packages/policy/src/index.ts";
import {
  membershipKey,
  policyKey,
  tenantStatusKey,
  userKey,
} from "../../packages/server/src/modules/authorization/access/entries/entry-key.ts";
import { DecisionReader } from "../../packages/server/src/modules/authorization/decisions/projection/reader.ts";
import { Unavailable } from "../../packages/server/src/platform/unavailable.ts";
import { type Case, type CorpusFile, loadCorpus } from "./support/corpus.ts";
import { decideDirectly, Engine } from "./support/engine.ts";
import { InMemoryPolicySource } from "./support/in-memory-source.ts";
import type { Answer } from "./support/world.ts";

/**
 * The decision reader over an in-memory source, the only port that it needs. It must answer as the engine does with all data at hand, on
 * every surface.
 */
const server = serverOfSuite();

const files = new Map(loadCorpus().map((file) => [file.name.replace(/\.yaml$/, ""), file]));
const chosen = [
  "camera-permissions",
  "entitlements",
  "explicit-deny",
  "groups",
  "key-scopes",
  "relations-algebra",
  "session-strength",
  "status-and-membership",
  "teachers-and-classes",
  "zones-and-parents",
];

/** The internal scope has no status, attributes or plan, and the reader needs no entry for it. */
const canBeDecided = ({ subject: { tenant } }: Case): boolean =>
  tenant.id !== null || (tenant.status === "Active" && tenant.entitlements === undefined && Object.keys(tenant.attributes).length === 0);

const readerOf = (source: InMemoryPolicySource): DecisionReader => new DecisionReader(server.application.platform, source);

function opened(file: CorpusFile) {
  const engine = new Engine(file);
  const reader = readerOf(new InMemoryPolicySource(file, file.subjects.values()));
  const contextOf = (question: Case) => {
    const { relationships: _inMemory, ...context } = engine.context(question);
    return context;
  };
  type Context = ReturnType<Engine["context"]>;
  const settle = <T>(question: Case, evaluate: (view: View, context: Context) => T | Pending): Promise<T> =>
    reader.settle(
      { userId: question.subject.user.id, organizationId: question.subject.tenant.id, action: question.action },
      ({ view }, relationships) => {
        if (view === undefined) throw new Unavailable("the view", undefined);
        return evaluate(view, { ...contextOf(question), relationships });
      },
    );
  return { engine, reader, contextOf, settle };
}

async function answerOf(ask: () => Promise<{ readonly allowed: boolean; readonly reason: string }>): Promise<Answer> {
  try {
    const { allowed, reason } = await ask();
    return { allowed, reason };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { error: error.code, fields: [...new Set(error.issues.map(({ field }) => field))].sort() };
  }
}

/** The engine's decision with all data at hand, or the code of its error. */
async function outcomeOf<T>(ask: () => T | Pending | Promise<T>): Promise<T | string> {
  try {
    const answer = await ask();
    if (answer === pendingDecision) throw new Error("pending although every relationship is at hand");
    return answer as T;
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return error.code;
  }
}

it("most corpus files have resources for lists and filters", () => {
  const aboutTypes = chosen.filter((name) => files.get(name)?.cases.some(({ resource }) => resource?.type !== undefined));
  expect(aboutTypes.length).toBeGreaterThan(5);
});

describe.each(chosen)("corpus %s, read from an in-memory source", (name) => {
  const file = files.get(name) as CorpusFile;
  const questions = file.cases.filter(canBeDecided);
  it("the corpus file has cases", () => expect(questions.length).toBeGreaterThan(0));

  it("a check decides as the engine does, cached and not", async () => {
    const { engine, reader, contextOf } = opened(file);
    for (const question of [...questions, ...questions]) {
      const { user, tenant } = question.subject;
      const decide = async () => (await reader.decide(user.id, tenant.id, question.action, contextOf(question))).decision;
      const expected = decideDirectly(engine.view(question.subject), question.action, engine.context(question));
      expect(await answerOf(decide), question.name).toEqual(expected);
    }
  });

  it("an explanation has the decision of the check", async () => {
    const { engine, settle } = opened(file);
    for (const question of questions) {
      const explained = () =>
        settle(question, (view, context) => {
          const explanation = explain(view, question.action, context);
          return explanation === pendingDecision ? pendingDecision : explanation.decision;
        });
      const expected = decideDirectly(engine.view(question.subject), question.action, engine.context(question));
      expect(await answerOf(explained), question.name).toEqual(expected);
    }
  });

  it("lists and filters select the same as with all data at hand", async () => {
    const { engine, settle } = opened(file);
    for (const question of questions) {
      const { type, id = "", attributes } = question.resource ?? {};
      if (type === undefined) continue;
      const view = engine.view(question.subject);
      const { resource: _one, ...context } = engine.context(question);
      const row = { ...attributes, id };
      const ways: readonly ((view: View, context: ReturnType<Engine["context"]>) => unknown)[] = [
        (of, known) => listActions(of, { ...known, resource: { type, id, attributes } }),
        (of, { resource: _of, ...known }) => resourcesByRelation(of, question.action, type, known),
        (of, { resource: _of, ...known }) => {
          const found = filter(of, question.action, type, known);
          return found === pendingDecision ? pendingDecision : matches(found, row);
        },
      ];
      for (const way of ways) {
        const expected = await outcomeOf(() => way(view, { ...context, relationships: engine.relationships }));
        expect(await outcomeOf(() => settle(question, way)), question.name).toEqual(expected);
      }
    }
  });
});

describe("a source without an entry", () => {
  const file = files.get("teachers-and-classes") as CorpusFile;
  const question = file.cases.find(
    ({ expect: expected, subject }) => "allowed" in expected && expected.allowed && subject.tenant.id !== null,
  ) as Case;
  const { user, tenant } = question.subject;
  const decideFrom = async (source: InMemoryPolicySource) => {
    const { relationships: _inMemory, ...context } = new Engine(file).context(question);
    return (await readerOf(source).decide(user.id, tenant.id, question.action, context)).decision;
  };
  /** On a busy machine a view may exceed its time limit: the reader then answers as unavailable, and the caller retries. */
  const decideInTime = (source: InMemoryPolicySource) => eventually(() => decideFrom(source), { withinMs: 30_000 });
  const sourceOf = () => new InMemoryPolicySource(file, file.subjects.values());

  it("a check is allowed when every entry is present", async () => {
    expect(await decideInTime(sourceOf())).toMatchObject({ allowed: true });
  });

  it.each([
    ["the policy", policyKey, "permission_data_unavailable"],
    ["the user", userKey(user.id), "permission_data_unavailable"],
    ["the tenant", tenantStatusKey(tenant.id as string), "permission_data_unavailable"],
    ["the membership", membershipKey(user.id, tenant.id), "not_a_member"],
  ])("a missing entry of %s denies with its reason", async (_what, key, reason) => {
    const source = sourceOf();
    source.delete(key);
    expect(await decideInTime(source)).toMatchObject({ allowed: false, reason });
  });

  it.each([policyKey, userKey(user.id), membershipKey(user.id, tenant.id)])(
    "an entry of %s that could not be computed denies as unavailable",
    async (key) => {
      const source = sourceOf();
      source.markUnavailable(key);
      expect(await decideInTime(source)).toMatchObject({ allowed: false, reason: "permission_data_unavailable" });
    },
  );

  it("an unavailable source makes the decision fail and denies nothing", async () => {
    const source = sourceOf();
    source.entries = () => Promise.reject(new Unavailable("source", undefined));
    await expect(decideFrom(source)).rejects.toThrow(Unavailable);
  });
});
