import { makeOrganization, type Organization } from "../fixture.ts";
import type { Api } from "../lib/api.ts";
import type { Bench, Benchmark } from "../lib/benchmark.ts";
import { startOnPostgres } from "../lib/gatehouse-on-postgres.ts";
import { type Answer, expectAnswer, expectText, send, WrongAnswer } from "../lib/http.ts";
import { startReference } from "../lib/reference.ts";
import type { Question, Side } from "../lib/side.ts";
import { type Sides, sideBySide } from "../lib/side-by-side.ts";

const keysPath = "/api/v1/api-keys";
const verifyPath = `${keysPath}/verify`;
/** Number of distinct keys. */
const distinct = 64;
/** As in check-http. */
const connections = 64;

export const apikeyVerify: Benchmark = {
  name: "apikey-verify",
  compares: "POST api-keys/verify against the same bytes through a Fastify route that answers a constant",
  unit: "req/s",
  target: 0.5,
  direction: "atLeast",
  requirement: "fast validation with few queries",
  run: (bench) => sideBySide(bench, setUp),
};

async function setUp(bench: Bench): Promise<Sides> {
  const ours = await gatehouseSide(bench);
  const [first] = ours.questions;
  if (first === undefined) throw new Error("no verification to send");
  const right = await send(ours.url, first.request);
  first.expect(right);
  return { ours, reference: await constantSide(bench, ours, right) };
}

async function gatehouseSide(bench: Bench): Promise<Side> {
  const gatehouse = await startOnPostgres(bench);
  const organization = await makeOrganization(gatehouse.api, gatehouse.admin);
  const questions: Question[] = [];
  for (let index = 0; index < distinct; index += 1) questions.push(await verification(gatehouse.api, organization, index));
  return { name: "gatehouse", url: gatehouse.url, pid: gatehouse.child.pid, connections, questions };
}

/** A key with every restriction: scopes, networks, and a rate limit that is never exhausted. */
async function verification(api: Api, { id, owner }: Organization, index: number): Promise<Question> {
  const body = {
    organizationId: id,
    name: `Bench ${index}`,
    scopes: ["Product"],
    allowedNetworks: ["10.0.0.0/8", "2001:db8::/32"],
    rateLimit: { requests: 1_000_000_000, seconds: 86_400 },
  };
  const key = expectText("POST api-keys", await api.post(keysPath, { token: owner.token, body, status: 201 }), "key");
  const fields = { organizationId: id, key, ipAddress: "10.1.2.3", permission: "Product.Create" };
  return {
    request: {
      method: "POST",
      path: verifyPath,
      headers: { authorization: `Bearer ${owner.token}`, "content-type": "application/json" },
      body: JSON.stringify(fields),
    },
    expect: expectValid,
  };
}

const expectValid = (answer: Answer): void => expectAnswer("gatehouse verify", answer, 200, { valid: true, code: "valid" });

async function constantSide(bench: Bench, ours: Side, right: Answer): Promise<Side> {
  const reference = await startReference(bench.scope, "constant.ts", {
    ROUTE: verifyPath,
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
