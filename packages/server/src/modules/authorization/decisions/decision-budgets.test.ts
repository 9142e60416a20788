import { unique } from "@gatehouse/testing/people.ts";
import type { Answer, AnyBody } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";
import type { Principal } from "#operation/declaration/principal.ts";
import { DecisionBudgets, requestSteps } from "./decision-budgets.ts";

const principal = (id: string, kind: "user" | "service" = "user"): Principal => ({
  kind,
  id,
  organizationId: null,
  credential: { kind: "session", id, authenticatedAt: 0, methods: ["pwd"] },
});
const perSecond = 100_000;
const budgets = () => new DecisionBudgets({ decisionStepsPerSecond: perSecond });

describe("the decision budget of a principal", () => {
  it("has a burst of ten seconds, and then the rate of one second", () => {
    const all = budgets();
    all.of(principal("a")).spend(perSecond * 9);
    all.of(principal("a")).spend(perSecond * 5);
    expect(() => all.of(principal("a"))).toThrow(expect.objectContaining({ definition: expect.objectContaining({ status: 429 }) }));
    expect(() => all.of(principal("b"))).not.toThrow();
    // A service with the same id is another principal.
    expect(() => all.of(principal("a", "service"))).not.toThrow();
  });

  it("limits one request as well, and does not apply to the operator", () => {
    expect(() =>
      budgets()
        .of(principal("a"))
        .spend(requestSteps + 1),
    ).toThrow("evaluation_limit");
    const all = budgets();
    for (let n = 0; n < 5; n += 1) all.of({ kind: "operator" } as Principal).spend(requestSteps);
  });
});

describe("a principal over its share", () => {
  const world = World.ofSuite([], { GATEHOUSE_DECISION_STEPS: String(perSecond) });

  it("gets 429 with Retry-After, and others do not", async () => {
    const { server, organization } = world;
    const action = `Lists${unique()}`;
    await world.define(action);
    const condition = { operator: "contains_all", left: "$request.a", right: "$request.b" };
    const role = await world.roleWith(action, { condition });
    const members = [await world.person(role), await world.person(role)] as const;
    const ask = ({ id, token }: (typeof members)[number], count: number): Promise<Answer<AnyBody>> =>
      server.call("POST /access/v1/evaluations", {
        token,
        body: {
          subject: { type: "user", id, properties: { tenantId: organization.id } },
          action: { name: action },
          resource: { type: "any", id: "1" },
          context: { a: Array(9_000).fill(1), b: Array(9_000).fill(1) },
          evaluations: Array.from({ length: count }, () => ({})),
        },
      });
    const [much, little] = members;
    const first = await ask(much, 1_000);
    expect(first.status).toBe(200);
    expect(first.body.evaluations[0]).toEqual({ decision: true });
    expect(first.body.evaluations.at(-1).context.reason_code).toBe("evaluation_limit");
    const second = await ask(much, 1);
    expect(second.status).toBe(429);
    expect(Number(second.headers["retry-after"])).toBeGreaterThan(30);
    expect((await ask(little, 1)).body.evaluations).toEqual([{ decision: true }]);
  });
});
