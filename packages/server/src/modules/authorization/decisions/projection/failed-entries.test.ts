import { expectWritten } from "@gatehouse/testing/answers.ts";
import { newMember, newOrganization, type OrganizationOf, type Person } from "@gatehouse/testing/people.ts";
import { asOperator } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { roleKey } from "#modules/authorization/access/index.ts";
import { entriesConsumer } from "./names.ts";

const server = serverOfSuite();

interface Holder {
  readonly organization: OrganizationOf;
  readonly person: Person;
  readonly role: string;
}

async function holder(): Promise<Holder> {
  const organization = await newOrganization(server);
  const person = await newMember(server, organization);
  return { organization, person, role: person.roleId };
}

const give = async ({ organization, role }: Holder, permission: string) =>
  expectWritten(
    await server.call(`POST /api/v1/iam/roles/${role}/permissions`, {
      token: organization.owner.token,
      body: { permissions: [permission] },
    }),
    200,
  );

const check = async ({ organization, person }: Holder, actionType: string) =>
  (
    await server.call("POST /api/v1/iam/authorization/check", {
      token: person.token,
      body: { userId: person.id, tenantId: organization.id, actionType },
    })
  ).body;

const deadLetters = async () => (await asOperator(server, "operations.listDeadLetters", { consumer: entriesConsumer })).items;
const owner = () => server.application.platform.database.owner;

/** Makes the database reject the entry of `key`. */
async function breakEntry(key: string): Promise<void> {
  await sql`create function refuse_entry() returns trigger language plpgsql as $$ begin
    raise exception 'this entry holds \\u0000 and cannot be written'; end $$`.execute(owner());
  await sql`create trigger refuse_entry before insert on projection_entries for each row
    when (new.key = ${sql.lit(key)}) execute function refuse_entry()`.execute(owner());
}

const mendEntry = () => sql`drop function refuse_entry() cascade`.execute(owner());

describe("a projection entry that cannot be computed", () => {
  it("becomes a dead letter: checks that need it are denied, others succeed, and a redrive recomputes it", async () => {
    const [bad, good] = [await holder(), await holder()];
    for (const each of [bad, good]) await give(each, "Organization.Update");
    await server.application.settled();
    expect(await check(bad, "Organization.Update")).toMatchObject({ isAuthorized: true });

    await breakEntry(roleKey(bad.role));
    for (const each of [bad, good]) await give(each, "Organization.InviteMember");
    await expect.poll(async () => (await check(good, "Organization.InviteMember")).isAuthorized, { timeout: 10_000 }).toBe(true);
    // The older entry must not be used: it could allow a revoked permission.
    await expect
      .poll(async () => (await check(bad, "Organization.Update")).reasonCode, { timeout: 10_000 })
      .toBe("permission_data_unavailable");
    await expect.poll(deadLetters, { timeout: 10_000 }).toHaveLength(1);
    expect((await deadLetters())[0]).toMatchObject({
      id: roleKey(bad.role),
      failure: "this entry holds \\u0000 and cannot be written",
    });

    await mendEntry();
    expect(await asOperator(server, "operations.redriveDeadLetters", { consumer: entriesConsumer })).toEqual({ redriven: 1 });
    await expect.poll(async () => (await check(bad, "Organization.InviteMember")).isAuthorized, { timeout: 10_000 }).toBe(true);
    expect(await deadLetters()).toEqual([]);
  });
});
