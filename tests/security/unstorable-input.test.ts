/** Attack 43 of docs/security/attacks.md. */
import { issueOf } from "@gatehouse/testing/answers.ts";
import { routesOf, type Sample, sendRequest } from "@gatehouse/testing/requests.ts";
import { sampleOf } from "@gatehouse/testing/samples.ts";
import { type Answer, type AnyBody, asOperator } from "@gatehouse/testing/server.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import type { Operation } from "../../packages/server/src/operation/declaration/operation.ts";
import { timestampFormat } from "../../packages/server/src/operation/declaration/schema.ts";
import { everyTenant } from "../../packages/server/src/platform/database/database.ts";
import { readTimestamp } from "../../packages/server/src/platform/timestamp.ts";

/** Times that a schema's format may accept and JavaScript or PostgreSQL cannot represent, and some that both can. */
const times = [
  "2016-12-31T23:59:60Z",
  "2026-11-27T23:59:60Z",
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00+23:59",
  "0001-01-01T00:00:00Z",
  "0099-12-31T23:59:59Z",
  "1000-01-01T00:00:00Z",
  "1000-01-01T00:00:00+00:01",
  "9999-12-31T23:59:59-12:00",
  "9999-12-31T23:59:59.999Z",
  "2026-11-27T10:00:00+07:00[Asia/Ho_Chi_Minh]",
  "2026-11-27T10:00:00Z[!Mars/Olympus]",
  "2026-02-30T00:00:00Z",
  "+275760-09-13T00:00:00Z",
  "infinity",
  "now",
];
const numbers = [-1, 1.5, 2 ** 31, 2 ** 53 + 2, 2 ** 63, 1e21, 1e308];
/** Written as text: JSON.stringify would write null. */
const beyondDouble = "1e999";
const depths = [64, 65, 4_000, 20_000];

interface Target {
  readonly field: string;
  readonly put: (input: Sample["input"], value: unknown) => Sample["input"];
}

/** The places of an input whose schema is `wanted`, also below objects. */
function targetsOf(operation: Operation, wanted: (schema: AnyBody) => boolean): Target[] {
  const inside = (schema: AnyBody, field: string, put: Target["put"]): Target[] => {
    if (wanted(schema) || schema.anyOf?.some(wanted)) return [{ field, put }];
    return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
      inside(inner, `${field}.${name}`, (input, value) => put(input, { ...(input[field] as object), [name]: value })),
    );
  };
  return Object.entries(operation.input.properties).flatMap(([name, schema]) =>
    inside(schema, name, (input, value) => ({ ...input, [name]: value })),
  );
}

const world = World.ofSuite(twoTenants);
const { server } = world;

/** Would end the sessions that the run needs. sessions.test.ts covers its only time. */
const endsEverySession = "sessions.endAllSessions";

/** What is wrong with the answers to `values` at each place that is `wanted`. */
async function everywhere(
  wanted: (schema: AnyBody) => boolean,
  values: readonly unknown[],
  complaint: (answer: Answer<AnyBody>, target: Target, value: unknown) => string | undefined = issueOf,
): Promise<{ readonly targets: number; readonly wrong: string }> {
  const wrong: string[] = [];
  let targets = 0;
  for (const operation of routesOf(server)) {
    if (operation.name === endsEverySession) continue;
    for (const target of targetsOf(operation, wanted)) {
      targets += 1;
      for (const value of values) {
        const sample = await sampleOf(world, operation.name);
        const answer = await sendRequest(server, operation, { ...sample, input: target.put(sample.input, value) });
        const issue = complaint(answer, target, value);
        if (issue) wrong.push(`${operation.http} ${target.field} = ${JSON.stringify(value)}: ${issue}`);
      }
    }
  }
  return { targets, wrong: wrong.join("\n") };
}

describe("input that a schema could accept and no column can store", () => {
  it("every input stores a time or refuses it by field, and no queue stops", { timeout: 120_000 }, async () => {
    const isTime = (schema: AnyBody): boolean => schema.format === timestampFormat;
    const complaint = (answer: Answer<AnyBody>, { field }: Target, value: unknown): string | undefined => {
      const issue = issueOf(answer);
      if (issue) return issue;
      const refused = answer.status === 400 && answer.body.error.details.some((one: AnyBody) => one.field === field);
      if (readTimestamp(value as string) === undefined) return refused ? undefined : `status ${answer.status}, not refused`;
      // A rule may still refuse it, such as an expiry in the past.
      return answer.status < 300 || answer.body.error.details.some((one: AnyBody) => one.field === field && one.rule !== "format:date-time")
        ? undefined
        : `status ${answer.status} ${JSON.stringify(answer.body)}`;
    };
    const { targets, wrong } = await everywhere(isTime, times, complaint);
    expect(wrong).toBe("");
    expect(targets).toBeGreaterThan(5);
    // Accepted values are in the chain, and are read as they were hashed.
    await server.application.settled();
    expect((await asOperator(server, "audit.verifyChain", { organizationId: world.own.id })).findings).toEqual([]);
    expect((await asOperator(server, "audit.verifyConsistency", {})).findings).toEqual([]);
    const { rows } = await server.application.platform.database.read(everyTenant, (db) =>
      sql`select from audit_records where action = 'AuditLog.EntryDeadLettered'`.execute(db as never),
    );
    expect(rows).toEqual([]);
  });

  it("every input stores a number or refuses it", { timeout: 120_000 }, async () => {
    const isNumber = (schema: AnyBody): boolean => schema.type === "integer" || schema.type === "number";
    const { targets, wrong } = await everywhere(isNumber, numbers);
    expect(wrong).toBe("");
    expect(targets).toBeGreaterThan(5);
  });

  const event = (details: string): Promise<Answer<AnyBody>> =>
    server.call("POST /api/v1/audit/events", {
      token: world.own.owner.token,
      body: `{"organizationId":"${world.own.id}","source":"deep","action":"a.b","entityType":"t","entityId":"1","details":{"a":${details}}}`,
    });

  it("a number beyond a double is refused, not stored as null", async () => {
    for (const number of [beyondDouble, `-${beyondDouble}`, "9".repeat(400)]) {
      const answer = await event(number);
      expect(answer.status).toBe(400);
      expect(answer.body.error.details).toMatchObject([{ field: "details.a", rule: "number" }]);
    }
  });

  it("a deep value is refused before any work, in a field of any shape", async () => {
    for (const depth of depths) {
      for (const deep of [`${"[".repeat(depth)}${"]".repeat(depth)}`, `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`]) {
        const answer = await event(deep);
        expect(answer.status).toBe(400);
        expect(answer.body.error).toMatchObject({ code: "common.validation_failed", details: [{ field: "body", rule: "depth" }] });
      }
    }
    expect((await event(`${"[".repeat(60)}${"]".repeat(60)}`)).status).toBe(201);
    await server.application.settled();
    expect((await asOperator(server, "audit.verifyChain", { organizationId: world.own.id })).findings).toEqual([]);
  });
});
