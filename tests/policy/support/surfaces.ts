import { isDeepStrictEqual as isDeepEqual } from "node:util";
import {
  allowedAmong,
  explain,
  filter,
  listActions,
  matches,
  PolicyError,
  type RequestContext,
  resourcesByRelation,
  type View,
} from "../../../packages/policy/src/index.ts";
import type { Case, CorpusFile } from "./corpus.ts";
import { answerOf, atOnce, decideDirectly, decideInRounds, Engine, inRounds } from "./engine.ts";
import { decideNaively } from "./naive.ts";
import { SqlRows } from "./sql-rows.ts";
import type { Answer, Subject } from "./world.ts";

type Result = Partial<Answer> | Promise<Partial<Answer>>;

/**
 * One way to evaluate the corpus. Opened for each file, so that it may cache between the cases. An answer may be partial (a filter
 * returns no reasons): only its fields are compared.
 */
export interface Surface {
  readonly name: string;
  open(file: CorpusFile): (question: Case) => Result;
  /** Why the surface cannot evaluate a case; undefined if it can. */
  skips?(question: Case, file: CorpusFile): string | undefined;
  /** The expected answer of the surface for a decision; by default, the decision. */
  says?(expected: Answer): Partial<Answer>;
  close?(): Promise<void>;
}

/** The engine with one view for each subject, used for all of their questions. */
function shared(file: CorpusFile): { engine: Engine; viewOf(subject: Subject): View } {
  const engine = new Engine(file);
  const views = new Map<Subject, View>();
  const viewOf = (subject: Subject): View => {
    const view = views.get(subject) ?? engine.view(subject);
    views.set(subject, view);
    return view;
  };
  return { engine, viewOf };
}

const fresh: Surface = {
  name: "decide, of a view made for the question",
  open: (file) => (question) => {
    const engine = new Engine(file);
    return decideDirectly(engine.view(question.subject), question.action, engine.context(question));
  },
};

/** Evaluates every case of the file twice before it answers: caching must not change an answer. */
const warmed = (name: string, order: (cases: readonly Case[]) => readonly Case[]): Surface => ({
  name,
  open: (file) => {
    const { engine, viewOf } = shared(file);
    const ask = (question: Case): Answer => decideDirectly(viewOf(question.subject), question.action, engine.context(question));
    for (const question of [...order(file.cases), ...order(file.cases)]) ask(question);
    return ask;
  },
});

const rounds: Surface = {
  name: "decide, with nothing at hand at first",
  open: (file) => {
    const { engine, viewOf } = shared(file);
    return (question) => decideInRounds(viewOf(question.subject), question.action, engine.context(question));
  },
};

const explained: Surface = {
  name: "explain",
  open: (file) => {
    const { engine, viewOf } = shared(file);
    return (question) =>
      answerOf(() => inRounds(engine.context(question), (context) => explain(viewOf(question.subject), question.action, context)).decision);
  },
};

const naive: Surface = {
  name: "the naive evaluator",
  open: (file) => (question) => {
    const answer = decideNaively(file, question);
    return "error" in answer ? { error: answer.error } : answer;
  },
};

// Surfaces that select: resources without enough input are not selected. Other errors are those of the decision.

const chosenWhereAllowed = (expected: Answer): Partial<Answer> =>
  "error" in expected && expected.error !== "invalid_input"
    ? { error: expected.error }
    : { allowed: "allowed" in expected && expected.allowed };

const withoutType = (question: Case): string | undefined => (question.resource?.type === undefined ? "asks about no type" : undefined);
const withoutResource = (question: Case): string | undefined =>
  withoutType(question) ?? (question.resource?.id === undefined ? "asks about no single resource" : undefined);

async function choice(isChosen: () => boolean | Promise<boolean>): Promise<Partial<Answer>> {
  try {
    return { allowed: await isChosen() };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return error.code === "invalid_input" ? { allowed: false } : { error: error.code };
  }
}

/** The context without its resource, and the resource's known attributes. */
function opened(
  engine: Engine,
  question: Case,
): { type: string; id: string; context: RequestContext; row: Readonly<Record<string, unknown>> } {
  const { resource, ...context } = engine.context(question);
  const { type = "", id = "", attributes } = resource ?? {};
  return { type, id, context, row: { ...attributes, id } };
}

/** Evaluated from the subject, so that limits of the evaluation from the resource do not apply. */
const chosenFromTheSubject = (expected: Answer): Partial<Answer> =>
  chosenWhereAllowed("error" in expected && expected.error === "evaluation_limit" ? { ...expected, error: "invalid_input" } : expected);

/**
 * A filter is one answer about every resource of a type. It may be refused for missing input that one resource needs, and then says
 * nothing about the others.
 */
async function choiceOfFilter(file: CorpusFile, question: Case, isChosen: () => boolean | Promise<boolean>): Promise<Partial<Answer>> {
  try {
    return { allowed: await isChosen() };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    if (error.code !== "invalid_input") return { error: error.code };
    const { type, id } = question.resource ?? {};
    const mentioned = [...file.resources, ...file.relationships.flatMap(({ resource, subject }) => [resource, subject])];
    const rows = new Map(file.resources.filter((row) => row.type === type).map((row) => [row.id, row.attributes]));
    const ids = new Set([id, ...mentioned.filter((each) => each.type === type).map((each) => each.id)]);
    const isUndecided = [...ids].some((each) => {
      const attributes = each === id ? question.resource?.attributes : rows.get(each ?? "");
      const answer = decideNaively(file, { ...question, resource: { type, id: each, ...(attributes ? { attributes } : {}) } });
      return "error" in answer && answer.error === "invalid_input";
    });
    return isUndecided ? {} : { error: "invalid_input" };
  }
}

const filtered: Surface = {
  name: "filter, as a predicate",
  says: chosenFromTheSubject,
  skips: withoutResource,
  open: (file) => {
    const { engine, viewOf } = shared(file);
    return (question) => {
      const { type, context, row } = opened(engine, question);
      return choiceOfFilter(file, question, () =>
        matches(
          inRounds(context, (known) => filter(viewOf(question.subject), question.action, type, known)),
          row,
        ),
      );
    };
  },
};

const filteredBySql: Surface = {
  name: "filter, as SQL on the rows",
  says: chosenFromTheSubject,
  skips: (question, file) =>
    withoutResource(question) ??
    (file.resources.some(({ attributes }) => attributes === question.resource?.attributes) ? undefined : "asks about no row"),
  open: (file) => {
    const { engine, viewOf } = shared(file);
    const rows = new SqlRows(file);
    return (question) => {
      const { type, id, context } = opened(engine, question);
      return choiceOfFilter(file, question, async () =>
        (await rows.chosen(type, atOnce(filter(viewOf(question.subject), question.action, type, context)))).includes(id),
      );
    };
  },
  close: () => SqlRows.close(),
};

const isActionOf = ({ action, resource }: Case, { model }: CorpusFile): boolean =>
  action.startsWith(`${resource?.type}.`) || Object.hasOwn(model.resourceTypes?.[resource?.type ?? ""]?.permissions ?? {}, action);

const actions: Surface = {
  name: "listActions",
  says: chosenWhereAllowed,
  skips: (question, file) => withoutType(question) ?? (isActionOf(question, file) ? undefined : "is no action of the type"),
  open: (file) => {
    const { engine, viewOf } = shared(file);
    return async (question) => {
      const view = viewOf(question.subject);
      const { type = "", ...resource } = question.resource ?? {};
      const ask = (context: RequestContext) => listActions(view, { ...context, resource: { type, ...resource } });
      const answer = await choice(() => inRounds(engine.context(question), ask).includes(question.action));
      // The list is one answer about every action: one action beyond the limits makes it fail.
      const isTooMuch = (action: string): boolean => isDeepEqual(decideDirectly(view, action, engine.context(question)), tooMuch);
      return isDeepEqual(answer, { error: "evaluation_limit" }) && engine.policy.actionsOn(type).some(isTooMuch) ? {} : answer;
    };
  },
};

const tooMuch: Answer = { error: "evaluation_limit", fields: ["resource"] };

const among: Surface = {
  name: "allowedAmong",
  says: chosenWhereAllowed,
  skips: (question) =>
    withoutResource(question) ?? (Object.keys(question.resource?.attributes ?? {}).length > 0 ? "asks about attributes" : undefined),
  open: (file) => {
    const { engine, viewOf } = shared(file);
    return (question) =>
      choice(() => {
        const { type, id, context } = opened(engine, question);
        return inRounds(context, (known) =>
          allowedAmong(viewOf(question.subject), question.action, type, ["no such id", id], known),
        ).includes(id);
      });
  },
};

/** Resources that a grant allows, searched from the subject. A check removes surplus ones. */
const byRelation: Surface = {
  name: "resourcesByRelation",
  says: () => ({ allowed: true }),
  skips: (question) =>
    withoutResource(question) ??
    ("reason" in question.expect && question.expect.reason === "grant" ? undefined : "is not allowed by a grant"),
  open: (file) => {
    const { engine, viewOf } = shared(file);
    return (question) =>
      choice(() => {
        const { type, id, context } = opened(engine, question);
        return inRounds(context, (known) => resourcesByRelation(viewOf(question.subject), question.action, type, known)).includes(id);
      });
  },
};

/** The in-process surfaces; ../http.test.ts evaluates the corpus over HTTP. */
export const surfaces: readonly Surface[] = [
  fresh,
  warmed("decide, of a view asked everything before", (cases) => cases),
  warmed("decide, of a view asked everything before in reverse", (cases) => cases.toReversed()),
  rounds,
  explained,
  filtered,
  filteredBySql,
  actions,
  among,
  byRelation,
  naive,
];
