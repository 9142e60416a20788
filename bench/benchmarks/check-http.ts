import { makeOrganization } from "../fixture.ts";
import type { Bench, Benchmark } from "../lib/benchmark.ts";
import { startOnPostgres } from "../lib/gatehouse-on-postgres.ts";
import { type Answer, expectAnswer, expectText, send, WrongAnswer } from "../lib/http.ts";
import { startReference } from "../lib/reference.ts";
import type { Side } from "../lib/side.ts";
import { type Sides, sideBySide } from "../lib/side-by-side.ts";
import { asMember, checkBody, checkPath } from "./check-requests.ts";

/** Number of distinct checks. */
const distinct = 64;
/** Enough that the server always has a request waiting, too few for a queue to form. */
const connections = 64;

export const checkHttp: Benchmark = {
  name: "check-http",
  compares: "POST authorization/check against the same bytes through a Fastify route that answers a constant",
  unit: "req/s",
  target: 0.6,
  direction: "atLeast",
  requirement: "p95 below 50 ms, 5000 checks/s; rule and condition p95 below 5 ms",
  run: (bench) => sideBySide(bench, setUp),
};

async function setUp(bench: Bench): Promise<Sides> {
  const ours = await gatehouseSide(bench);
  const [first] = ours.questions;
  if (first === undefined) throw new Error("no check to send");
  const right = await send(ours.url, first.request);
  first.expect(right);
  return { ours, reference: await constantSide(bench, ours, right) };
}

async function gatehouseSide(bench: Bench): Promise<Side> {
  const gatehouse = await startOnPostgres(bench);
  const organization = await makeOrganization(gatehouse.api, gatehouse.admin);
  const contextData = { ipAddress: "192.168.1.1", userAgent: "Mozilla/5.0 (X11; Linux x86_64)", featureFlag: "new-product" };
  return {
    name: "gatehouse",
    url: gatehouse.url,
    pid: gatehouse.child.pid,
    connections,
    questions: Array.from({ length: distinct }, (_, index) => ({
      request: asMember(organization, checkPath, { ...checkBody(organization, index), contextData }),
      expect: expectAllowed,
    })),
  };
}

function expectAllowed(answer: Answer): void {
  expectAnswer("gatehouse check", answer, 200, { isAuthorized: true, missingPermissions: [] });
  expectText("gatehouse check", answer, "decisionId");
}

async function constantSide(bench: Bench, ours: Side, right: Answer): Promise<Side> {
  const reference = await startReference(bench.scope, "constant.ts", {
    ROUTE: checkPath,
    ANSWER_BODY: right.text,
    ANSWER_TYPE: right.headers["content-type"] ?? "application/json",
  });
  const expectConstant = (answer: Answer) => {
    expectAnswer("constant", answer, 200);
    if (answer.text !== right.text) throw new WrongAnswer("constant", right.text, answer);
  };
  return {
    name: "constant",
    url: reference.url,
    pid: reference.child.pid,
    connections,
    questions: ours.questions.map(({ request }) => ({ request, expect: expectConstant })),
  };
}
