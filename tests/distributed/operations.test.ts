import { issueOf } from "@gatehouse/testing/answers.ts";
import { sendRequest } from "@gatehouse/testing/requests.ts";
import { operationsWithoutSample, sampleOf, samples } from "@gatehouse/testing/samples.ts";
import { distributed } from "@gatehouse/testing/server.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { describe, expect, it } from "vitest";

/** Every operation once with each role in a process of its own. The modules test every status in one process. */
describe.skipIf(!distributed)("operations with each role in a process of its own (TEST_TOPOLOGY=distributed)", () => {
  const world = World.ofSuite(twoTenants);
  const { server } = world;

  it("every operation with a route has a sample request", () => {
    expect(operationsWithoutSample(server)).toEqual([]);
  });

  it.each(Object.keys(samples))("%s is answered through the gateway as it is declared", async (name) => {
    const operation = server.application.catalogue.operations.find((one) => one.name === name);
    if (operation === undefined) throw new Error(`there is no operation ${name}`);
    const answer = await sendRequest(server, operation, await sampleOf(world, name));
    expect(issueOf(answer)).toBeUndefined();
    expect(operation.status === undefined ? [200, 204] : [operation.status], JSON.stringify(answer.body)).toContain(answer.status);
  });
});
