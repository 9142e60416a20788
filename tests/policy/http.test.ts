import { expectError, expectRead } from "@gatehouse/testing/answers.ts";
import type { AnyBody, Answer as HttpAnswer } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { type Case, type CorpusFile, loadCorpus } from "./support/corpus.ts";
import { HttpWorld, refusedByServer, unsupportedReason } from "./support/http-world.ts";
import type { Answer } from "./support/world.ts";

/**
 * The authorization corpus (packages/policy/corpus) over HTTP: a server decides every case from its tables and its projection as the
 * engine does.
 */
const files = loadCorpus();
const server = serverOfSuite({ GATEHOUSE_SIGN_IN_LIMIT: "off", GATEHOUSE_DECISION_STEPS: "1000000000" });
const surface = "over HTTP";
/** The largest fraction of one file that may be left out or refused before a decision. */
const leftOutMax = 0.3;
/** The minimum of decided cases of all files. */
const decidedMin = 600;

/** Data that the API refuses on purpose, so that it is written to the tables. */
const refusals: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  // A feature whose value is a text or null.
  "entitlements.yaml": { "entitlements: common.validation_failed": 2 },
  // An attribute called id, which is the user's own.
  "invalid-inputs.yaml": { "attributes: common.validation_failed": 1 },
  // Relationships that the model does not declare, or to non-members.
  "groups.yaml": { "grant: common.validation_failed": 3 },
  "hostile-ids.yaml": { "grant: common.validation_failed": 1 },
  "relations-algebra.yaml": { "grant: common.validation_failed": 1 },
  // Likewise for service accounts: each belongs to one organization.
  "services.yaml": { "grant: common.validation_failed": 16 },
  "status-and-membership.yaml": { "grant: common.validation_failed": 4 },
  "zones-and-parents.yaml": { "grant: common.validation_failed": 2 },
  // The condition requires a sign-in at this millisecond.
  "session-strength.yaml": { "model: common.validation_failed": 1 },
};

const isSupported = (file: CorpusFile) => (question: Case) => unsupportedReason(question, file) === undefined;
const isDecided = (file: CorpusFile) => (question: Case) => isSupported(file)(question) && refusedByServer(question) === undefined;

it("nearly the whole corpus is evaluated over HTTP", () => {
  const counts = files.map((file) => ({ name: file.name, all: file.cases.length, decided: file.cases.filter(isDecided(file)).length }));
  for (const { name, all, decided } of counts) expect(1 - decided / all, name).toBeLessThan(leftOutMax);
  expect(counts.reduce((sum, { decided }) => sum + decided, 0)).toBeGreaterThanOrEqual(decidedMin);
});

describe.each(files)(`corpus $name ${surface}`, (file) => {
  let world: HttpWorld;
  beforeAll(async () => {
    world = await HttpWorld.open(file, server);
  });

  for (const question of file.cases) {
    const reason = unsupportedReason(question, file);
    const isKnownIssue = Object.keys(question.known).some((name) => surface.startsWith(name));
    const test = reason !== undefined ? it.skip : isKnownIssue ? it.fails : it;
    test(reason === undefined ? question.name : `${question.name} (${reason})`, () => asksEveryWay(world, question));
  }

  it("the API creates everything but what it refuses on purpose", () => {
    expect(Object.fromEntries(world.refused)).toEqual(refusals[file.name] ?? {});
  });

  it("a batch answers every case as a single check does", async () => {
    const decided = file.cases.filter((each) => isDecided(file)(each) && "allowed" in each.expect);
    for (const [now, together] of Map.groupBy(decided, (each) => each.now)) {
      const answer = await world.ask("check-batch", { checks: together.map((each) => world.checkOf(each)) }, now);
      expectRead(answer);
      expect(answer.body.results.map(decisionIn)).toEqual(together.map((each) => each.expect));
    }
  });
});

/** A check with a new view, then a check, a batch of one and an explanation with the cached one. */
async function asksEveryWay(world: HttpWorld, question: Case): Promise<void> {
  const body = world.checkOf(question);
  await world.cool();
  expectAnswer(await world.ask("check", body, question.now), question);
  expectAnswer(await world.ask("check", body, question.now), question);
  const batch = await world.ask("check-batch", { checks: [body] }, question.now);
  expectAnswer(batch.status === 200 ? { ...batch, body: batch.body.results[0] } : batch, question, "checks.0.");
  expectAnswer(await world.ask("explain", body, question.now), question);
}

function expectAnswer(answer: HttpAnswer<AnyBody>, question: Case, prefix = ""): void {
  const field = refusedByServer(question);
  if (field !== undefined) {
    expectError(answer, 400, "common.validation_failed");
    expect(answer.body.error.details.map((detail: AnyBody) => detail.field)).toContainEqual(expect.stringContaining(prefix + field));
  } else if ("error" in question.expect) expectPolicyError(answer, question.expect, prefix);
  else {
    expectRead(answer);
    expect(decisionIn(answer.body)).toEqual(question.expect);
  }
}

const decisionIn = ({ isAuthorized, reasonCode }: AnyBody): Answer => ({ allowed: isAuthorized, reason: reasonCode });

/** The API's codes and field names of the engine's errors. */
const errors: Readonly<Record<string, readonly [status: number, code: string]>> = {
  invalid_input: [400, "common.validation_failed"],
  unknown_permission: [400, "access.unknown_permission"],
  unknown_resource_type: [400, "access.unknown_resource_type"],
  evaluation_limit: [409, "access.evaluation_limit"],
};
const fieldNames: Readonly<Record<string, string>> = { action: "actionType", "resource.type": "resourceType", resource: "resourceId" };

function expectPolicyError(answer: HttpAnswer<AnyBody>, { error, fields }: Extract<Answer, { error: string }>, prefix: string): void {
  const [status, code] = errors[error] as (typeof errors)[string];
  expectError(answer, status, code);
  if (fields === undefined) return;
  const named = new Set(answer.body.error.details.map((detail: AnyBody) => detail.field));
  expect([...named].sort()).toEqual(fields.map((field) => prefix + (fieldNames[field] ?? field)).sort());
}
