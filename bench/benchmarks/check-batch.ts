import { makeOrganization } from "../fixture.ts";
import type { Bench, Benchmark } from "../lib/benchmark.ts";
import { startOnPostgres } from "../lib/gatehouse-on-postgres.ts";
import { type Answer, at, expectAnswer, WrongAnswer } from "../lib/http.ts";
import type { Side } from "../lib/side.ts";
import { type Sides, sideBySide } from "../lib/side-by-side.ts";
import { asMember, checkBatchPath, checkBody, checkPath } from "./check-requests.ts";

const checksPerBatch = 100;
const batches = 16;
const connections = 32;

export const checkBatch: Benchmark = {
  name: "check-batch",
  compares: "POST authorization/check-batch of 100 against single checks, on the same server",
  unit: "decisions/s",
  target: 20,
  direction: "atLeast",
  run: (bench) => sideBySide(bench, setUp),
};

async function setUp(bench: Bench): Promise<Sides> {
  const gatehouse = await startOnPostgres(bench);
  const organization = await makeOrganization(gatehouse.api, gatehouse.admin);
  const server = { url: gatehouse.url, pid: gatehouse.child.pid, connections };
  // Single and batched requests carry the same checks.
  const checks = Array.from({ length: batches * checksPerBatch }, (_, index) => checkBody(organization, index));
  const batch: Side = {
    ...server,
    name: "batch",
    perRequest: checksPerBatch,
    questions: Array.from({ length: batches }, (_, index) => {
      const batch = checks.slice(index * checksPerBatch, (index + 1) * checksPerBatch);
      return { request: asMember(organization, checkBatchPath, { checks: batch }), expect: expectBatch };
    }),
  };
  const single: Side = {
    ...server,
    name: "single",
    questions: checks.slice(0, checksPerBatch).map((check) => ({
      request: asMember(organization, checkPath, check),
      expect: (answer) => expectAnswer("single check", answer, 200, { isAuthorized: true }),
    })),
  };
  return { ours: batch, reference: single };
}

function expectBatch(answer: Answer): void {
  expectAnswer("check-batch", answer, 200);
  const results = at(answer, "results");
  const allowed = Array.isArray(results) ? results.filter((result) => result?.isAuthorized === true).length : 0;
  if (!Array.isArray(results) || results.length !== checksPerBatch || allowed !== checksPerBatch) {
    throw new WrongAnswer("check-batch", `${checksPerBatch} results, all with isAuthorized true (${allowed} are)`, answer);
  }
  if (at(answer, "revision") === undefined) throw new WrongAnswer("check-batch", "a revision", answer);
}
