import { randomBytes } from "node:crypto";
import { newOrganization } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { expect, it } from "vitest";
import { operator } from "#operation/declaration/principal.ts";
import { backgroundOrigin } from "#operation/kernel/scheduled.ts";
import { aesKeys } from "#platform/keys/aes.ts";

const server = serverOfSuite();

const findingsOf = async (operation: string, input: object) => {
  const { output } = await server.application.dispatch({ operation, input: { ...input }, principal: operator, origin: backgroundOrigin() });
  return (output as { findings: { kind: string; text: string }[] }).findings;
};

it("an audit log that is verified without its master key is reported as such, and not as changed", async () => {
  const { id: organizationId } = await newOrganization(server);
  await server.application.settled();
  expect(await findingsOf("audit.verifyConsistency", {})).toEqual([]);
  expect(await findingsOf("audit.verifyChain", { organizationId })).toEqual([]);
  const { platform } = server.application;
  const { keys } = platform;
  const name = (keys as ReturnType<typeof aesKeys>).current;
  // As if an earlier master key were missing.
  Object.assign(platform, { keys: aesKeys(randomBytes(32)) });
  const [whole, chain] = [await findingsOf("audit.verifyConsistency", {}), await findingsOf("audit.verifyChain", { organizationId })];
  Object.assign(platform, { keys });
  for (const findings of [whole, chain]) {
    expect(findings.length).toBeGreaterThan(0);
    expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(["master_key_absent"]));
    for (const { text } of findings)
      expect(text).toContain(`encrypted with the master key ${name}, which is not here: docs/operations/keys.md`);
  }
  expect(await findingsOf("audit.verifyConsistency", {})).toEqual([]);
});
