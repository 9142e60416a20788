/** Attack 34 of docs/security/attacks.md. */

import { expectOk, issueOf } from "@gatehouse/testing/answers.ts";
import { inForm } from "@gatehouse/testing/forms.ts";
import { times } from "@gatehouse/testing/lanes.ts";
import { newPerson } from "@gatehouse/testing/people.ts";
import { type Answer, type AnyBody, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { schoolModel } from "@gatehouse/testing/tenant.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const iam = "/api/v1/iam";
/** How long one decision over hostile relationships may take on an idle machine, loading included. */
const boundMs = 2_000;
const chain = inForm({ short: 5_000, long: 10_000 });
const fanOut = inForm({ short: 25_000, long: 100_000 });

let server: TestServer;
let world: World;
beforeAll(async () => {
  server = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off", GATEHOUSE_DECISION_STEPS: "1000000000" });
  world = await World.on(server, twoTenants);
  const group = { subjects: ["user", "Group#member"] };
  const resourceTypes = {
    ...schoolModel.resourceTypes,
    Group: { relations: { member: group, barred: group } },
    Folder: {
      relations: {
        parent: { subjects: ["Folder"] },
        reader: { subjects: ["user", "Group#member"], from: { through: "parent", relation: "reader" } },
      },
      permissions: { "Organization.ReadGrants": { allow: "reader" } },
    },
    File: {
      relations: { owner: { subjects: ["user:*"] }, barred: { subjects: ["Group#member"] } },
      permissions: { "Organization.ReadGrants": { allow: "owner", deny: "barred" } },
    },
  };
  await expectOk(server.call(`PUT ${iam}/authorization/model`, { token: world.administrator.token, body: { model: { resourceTypes } } }));
}, 60_000);
afterAll(() => server.close());

interface Row {
  readonly resource: readonly [type: string, id: unknown];
  readonly relation: string;
  readonly subject: readonly [type: string, id: unknown, relation?: string];
}

/** Inserts `count` rows in one statement, as an import would; `n` in an id counts from 1. */
async function insert(count: number, { resource, relation, subject }: Row): Promise<void> {
  await sql`insert into relationships
      (id, organization_id, resource_type, resource_id, relation, subject_type, subject_id, subject_relation, granted_at)
    select gen_random_uuid(), ${world.own.id}::uuid, ${resource[0]}::text, ${resource[1]}, ${relation}::text,
      ${subject[0]}::text, ${subject[1]}, ${subject[2] ?? ""}::text, now()
    from generate_series(1, ${count}::int) n`.execute(server.application.platform.database.owner as Kysely<never>);
}
const numbered = (prefix: string, offset = 0) => sql`${prefix}::text || (n + ${offset}::int)`;
const text = (value: string) => sql`${value}::text`;

const question = (type: string, id: string, userId = world.own.member.id) => ({
  userId,
  tenantId: world.own.id,
  actionType: "Organization.ReadGrants",
  resourceType: type,
  resourceId: id,
});
const post = (route: string, body: unknown): Promise<Answer<AnyBody>> =>
  server.call(`POST ${iam}/authorization/${route}`, { token: world.administrator.token, body });

/** Sends a request uncached and cached. Both answers come within the bound and are equal. */
async function outcomeOf(body: unknown, route = "check"): Promise<string> {
  const outcomes: string[] = [];
  for (const _ of times(2)) {
    const stopwatch = startStopwatch();
    const answer = await post(route, body);
    expect(stopwatch.idleMs(), `${route} ${JSON.stringify(body)}`).toBeLessThan(boundMs);
    expect(issueOf(answer)).toBeUndefined();
    outcomes.push(answer.status === 200 ? (answer.body.isAuthorized ? "allowed" : answer.body.reasonCode) : answer.body.error.code);
  }
  expect(outcomes[1]).toBe(outcomes[0]);
  return outcomes[0] as string;
}
/** Grants the member a relation through the API. Inserted rows alone would emit no event. */
const give = (type: string, id: string, relation: string): Promise<AnyBody> => {
  const body = { organizationId: world.own.id, resource: { type, id }, relation, subject: { type: "user", id: world.own.member.id } };
  return expectOk(server.call(`POST ${iam}/grants`, { token: world.own.owner.token, body }));
};

/** Expects that an evaluation beyond the limits allows no one. */
const refused = ["missing_permission", "access.evaluation_limit"];

describe(`relationships that are deep, wide or in a circle are decided within ${boundMs} ms`, () => {
  it("cyclic folders are denied, and allowed once a relation of the cycle allows", async () => {
    await insert(1, { resource: ["Folder", text("self")], relation: "parent", subject: ["Folder", text("self")] });
    await insert(1, { resource: ["Folder", text("ring-1")], relation: "parent", subject: ["Folder", text("ring-30")] });
    await insert(29, { resource: ["Folder", numbered("ring-", 1)], relation: "parent", subject: ["Folder", numbered("ring-")] });
    await insert(1, { resource: ["Group", text("a")], relation: "member", subject: ["Group", text("b"), "member"] });
    await insert(1, { resource: ["Group", text("b")], relation: "member", subject: ["Group", text("a"), "member"] });
    await insert(1, { resource: ["Folder", text("of-a")], relation: "reader", subject: ["Group", text("a"), "member"] });
    for (const id of ["self", "ring-1", "ring-17", "of-a"]) expect(await outcomeOf(question("Folder", id)), id).toBe("missing_permission");
    await give("Folder", "ring-5", "reader");
    await give("Group", "b", "member");
    for (const id of ["ring-1", "ring-17", "of-a"]) expect(await outcomeOf(question("Folder", id)), id).toBe("allowed");
    expect(await outcomeOf(question("Folder", "self"))).toBe("missing_permission");
  });

  it(`a chain of ${chain} folders, and one of as many groups: refused, and what is near the end is still found`, async () => {
    const person = await newPerson(server, "far");
    await insert(chain, { resource: ["Folder", numbered("deep-", 1)], relation: "parent", subject: ["Folder", numbered("deep-")] });
    await insert(chain, { resource: ["Group", numbered("deep-", 1)], relation: "member", subject: ["Group", numbered("deep-"), "member"] });
    await insert(1, { resource: ["Folder", text("deep-1")], relation: "reader", subject: ["user", text(world.own.member.id)] });
    await insert(1, { resource: ["Group", text("deep-1")], relation: "member", subject: ["user", text(world.own.member.id)] });
    await insert(1, { resource: ["Folder", text("of-deep")], relation: "reader", subject: ["Group", text(`deep-${chain}`), "member"] });
    expect(await outcomeOf(question("Folder", `deep-${chain}`))).toBe("access.evaluation_limit");
    expect(await outcomeOf(question("Folder", "of-deep"))).toBe("access.evaluation_limit");
    expect(await outcomeOf(question("Folder", "deep-10"))).toBe("allowed");
    expect(await outcomeOf(question("Folder", "deep-10", person.id))).toBe("not_a_member");
    expect(await outcomeOf(question("Folder", `deep-${chain}`), "explain")).toBe("access.evaluation_limit");
    const { actionType: _, ...anything } = question("Folder", `deep-${chain}`);
    expect(await outcomeOf(anything, "list-actions")).toBe("access.evaluation_limit");
  });

  it(`${fanOut} groups that may read one folder: refused, unless something else allows`, { timeout: 120_000 }, async () => {
    await insert(fanOut, { resource: ["Folder", text("wide")], relation: "reader", subject: ["Group", numbered("wide-"), "member"] });
    expect(refused).toContain(await outcomeOf(question("Folder", "wide")));
    expect(refused).toContain(await outcomeOf(question("Folder", "wide"), "explain"));
    // A user's direct relationships are looked up separately, however many others there are.
    await give("Folder", "wide", "reader");
    expect(await outcomeOf(question("Folder", "wide"))).toBe("allowed");
  });

  it(`${fanOut} groups that are barred: never allowed for it`, { timeout: 120_000 }, async () => {
    await insert(1, { resource: ["File", text("barred")], relation: "owner", subject: ["user", text("*")] });
    expect(await outcomeOf(question("File", "barred"))).toBe("allowed");
    await insert(fanOut, { resource: ["File", text("barred-wide")], relation: "barred", subject: ["Group", numbered("none-"), "member"] });
    await insert(1, { resource: ["File", text("barred-wide")], relation: "owner", subject: ["user", text("*")] });
    expect(await outcomeOf(question("File", "barred-wide"))).toBe("access.evaluation_limit");
  });

  it(`one who is in ${fanOut} relations: their checks are as quick, and their lists end`, { timeout: 120_000 }, async () => {
    await insert(fanOut, { resource: ["Folder", numbered("their-")], relation: "reader", subject: ["user", text(world.own.member.id)] });
    expect(await outcomeOf(question("Folder", "their-5"))).toBe("allowed");
    expect(await outcomeOf(question("Folder", "not-theirs"))).toBe("missing_permission");
    const { resourceId: _, ...all } = question("Folder", "");
    for (const route of ["filter", "list-resources"]) {
      const stopwatch = startStopwatch();
      const answer = await post(route, all);
      expect(stopwatch.idleMs(), route).toBeLessThan(boundMs);
      expect([answer.status, answer.body.error?.code], route).toEqual([409, "access.evaluation_limit"]);
    }
  });

  it("a graph with 2^25 paths evaluates each node once", async () => {
    for (const side of ["l", "r"])
      for (const below of ["l", "r"])
        await insert(25, { resource: ["Folder", numbered(`${side}-`, 1)], relation: "parent", subject: ["Folder", numbered(`${below}-`)] });
    expect(await outcomeOf(question("Folder", "l-25"))).toBe("missing_permission");
    await give("Folder", "r-1", "reader");
    expect(await outcomeOf(question("Folder", "r-24"))).toBe("allowed");
  });

  it("the server answers other requests as quickly while such graphs are evaluated", async () => {
    const heavy = Array.from({ length: 20 }, () => post("check", question("Folder", `deep-${chain}`)));
    const stopwatch = startStopwatch();
    const body = await expectOk(post("check", { ...question("school", "1"), actionType: "Organization.Read" }));
    expect(body.isAuthorized).toBe(true);
    expect(stopwatch.idleMs()).toBeLessThan(boundMs);
    for (const answer of await Promise.all(heavy)) expect(answer.body.error?.code).toBe("access.evaluation_limit");
  });
});
