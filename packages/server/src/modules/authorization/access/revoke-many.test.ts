import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { fillOrganization } from "@gatehouse/testing/populate.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";

const world = World.ofSuite(["member"]);
beforeAll(async () => {
  await world.define("Room", "Room.View");
  await world.model({
    resourceTypes: { Room: { relations: { viewer: { subjects: ["user", "role"] } }, permissions: { "Room.View": { allow: "viewer" } } } },
  });
});

const database = () => world.server.application.platform.database;
const revoke = (body: Readonly<Record<string, unknown>>, headers = {}) =>
  world.send("POST grants/revoke", world.owner.token, { organizationId: world.organization.id, ...body }, headers);
const count = async (what: string): Promise<number> => {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from ${sql.raw(what)}`.execute(database().owner);
  return rows[0]?.count ?? 0;
};
/** Inserts grants by SQL: on one room, or of one subject on many rooms. */
const grant = async (rows: { resource: string; subject: string; type?: string; times: number }): Promise<void> => {
  const { resource, subject, type = "user", times } = rows;
  await sql`insert into relationships (id, organization_id, resource_type, resource_id, relation, subject_type, subject_id, granted_at)
    select gen_random_uuid(), ${world.organization.id}, 'Room', replace(${resource}, '#', n::text), 'viewer', ${type},
      replace(${subject}, '#', md5(n::text)::uuid::text), now() from generate_series(1, ${times}::int) n`.execute(database().owner);
};

describe("many grants", () => {
  it("on one resource are revoked by one call, each with its event, even if there are more than a statement has parameters", async () => {
    const many = 20_000;
    await fillOrganization(database(), world.organization.id, { members: many, grants: many, onOne: "full" });
    await world.granted("Room:full", "viewer", `user:${world.member.id}`);
    expect(await world.mayOn(world.member, "Room.View", "Room:full")).toBe(true);
    const before = await count("events where type = 'grant.revoked.v1'");
    const answer = await revoke({ resource: { type: "Room", id: "full" } });
    expectWritten(answer, 200);
    expect(answer.body).toEqual({ revoked: many + 1, more: false });
    expect(await world.mayOn(world.member, "Room.View", "Room:full")).toBe(false);
    expect(await count("relationships where resource_id = 'full'")).toBe(0);
    expect((await count("events where type = 'grant.revoked.v1'")) - before).toBe(many + 1);
    // No transaction has more than a thousand events, because other processes read all events of a transaction at once.
    expect(await count("(select from events where type = 'grant.revoked.v1' group by transaction having count(*) > 1000) large")).toBe(0);
  }, 180_000);

  it("are revoked up to the limit, and the response says that there are more", async () => {
    await grant({ resource: "some", subject: "#", times: 2_500 });
    const resource = { type: "Room", id: "some" };
    expect((await revoke({ resource, limit: 1_700 })).body).toEqual({ revoked: 1_700, more: true });
    expect((await revoke({ resource, limit: 800 })).body).toEqual({ revoked: 800, more: false });
    expect((await revoke({ resource, limit: 1 })).body).toEqual({ revoked: 0, more: false });
  }, 60_000);

  it("above the maximum are rejected without a limit, and revoked by calls with a limit", async () => {
    await grant({ resource: "bound", subject: "#", times: 50_001 });
    const resource = { type: "Room", id: "bound" };
    const refused = await revoke({ resource });
    expectError(refused, 400, "common.validation_failed");
    expect(refused.body.error.details).toEqual([expect.objectContaining({ field: "limit", rule: "required", max: 50_000 })]);
    expect(await count("relationships where resource_id = 'bound'")).toBe(50_001);
    expectError(await revoke({ resource, limit: 50_001 }), 400, "common.validation_failed");
    await sql`delete from relationships where resource_id = 'bound' and subject_id <> (
      select min(subject_id) from relationships where resource_id = 'bound')`.execute(database().owner);
    expect((await revoke({ resource })).body).toEqual({ revoked: 1, more: false });
  }, 60_000);

  it("are revoked once per Idempotency-Key: a retry gets the response for all of them", async () => {
    await grant({ resource: "key", subject: "#", times: 2_100 });
    const body = { resource: { type: "Room", id: "key" } };
    const headers = { "idempotency-key": "revoke-many" };
    const first = await revoke(body, headers);
    expect(first.body).toEqual({ revoked: 2_100, more: false });
    await grant({ resource: "key", subject: "#", times: 10 });
    const again = await revoke(body, headers);
    expect(again.body).toEqual(first.body);
    expect(await count("relationships where resource_id = 'key'")).toBe(10);
  }, 60_000);

  it("of a removed member are revoked with the membership, in several transactions", async () => {
    const person = await world.person();
    await grant({ resource: "of-member-#", subject: person.id, times: 2_300 });
    const at = `organizations/${world.organization.id}/memberships/${await membershipIdOf(person.id)}`;
    expectWritten(await world.send(`DELETE ${at}`, world.owner.token), 204);
    expect(await count(`relationships where subject_id = '${person.id}'`)).toBe(0);
    expect(await count(`memberships where user_id = '${person.id}'`)).toBe(0);
    expect(await count(`events where type = 'membership.removed.v1' and data->>'userId' = '${person.id}'`)).toBe(1);
  }, 60_000);

  it("to a role are revoked when the role is deleted, and none if it cannot be deleted", async () => {
    const role = await world.role();
    const holder = await world.person(role);
    await grant({ resource: "to-role-#", subject: role, type: "role", times: 2_300 });
    expectError(await world.send(`DELETE roles/${role}`, world.owner.token), 409, "access.role_in_use");
    expect(await count(`relationships where subject_id = '${role}'`)).toBe(2_300);
    expectRead(await world.send(`GET roles/${role}`, world.owner.token));
    const at = `organizations/${world.organization.id}/memberships/${await membershipIdOf(holder.id)}`;
    expectWritten(await world.send(`DELETE ${at}`, world.owner.token), 204);
    expectWritten(await world.send(`DELETE roles/${role}`, world.owner.token), 204);
    expect(await count(`relationships where subject_id = '${role}'`)).toBe(0);
    expect(await count(`roles where id = '${role}'`)).toBe(0);
  }, 60_000);
});

const membershipIdOf = async (userId: string): Promise<string> => {
  const { rows } = await sql<{ id: string }>`
    select id from memberships where user_id = ${userId} and organization_id = ${world.organization.id}`.execute(database().owner);
  return (rows[0] as { id: string }).id;
};
