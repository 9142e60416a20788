import { expectError, expectRead, expectWritten } from "@gatehouse/testing/answers.ts";
import { newPerson, unique } from "@gatehouse/testing/people.ts";
import { World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { beforeAll, describe, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";
import { manifests } from "#runtime/modules.ts";
import type { Operation } from "../declaration/operation.ts";

interface Node {
  readonly type?: string;
  readonly maxItems?: number;
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly anyOf?: readonly Node[];
}

/** The paths of a schema's arrays without `maxItems`. */
function unbounded(node: Node, path: string): readonly string[] {
  const inner = [
    ...Object.entries({ ...node.properties, ...node.patternProperties }).map(([name, child]) => [`${path}.${name}`, child] as const),
    ...(node.items ? [[`${path}[]`, node.items] as const] : []),
    ...(node.anyOf ?? []).map((child) => [path, child] as const),
  ];
  const own = node.type === "array" && node.maxItems === undefined ? [path] : [];
  return [...own, ...inner.flatMap(([innerPath, child]) => unbounded(child, innerPath))];
}

it("every list in an input declares maxItems", () => {
  const operations: readonly Operation[] = manifests.flatMap((manifest) => manifest.operations);
  const inputs = operations.filter(({ http }) => http !== undefined);
  expect(inputs.length).toBeGreaterThan(50);
  expect(inputs.flatMap(({ name, input }) => unbounded(input as Node, name))).toEqual([]);
});

describe("an operation does its work at its bound, and refuses one more", () => {
  const world = World.ofSuite(["member"]);
  /** One more than a role is given at once. */
  const values = Array.from({ length: 201 }, (_, index) => `Bound.P${index}`);
  beforeAll(async () => {
    await world.define("Bound");
    await world.server.application.platform.database.transact(everyTenant, (tx) =>
      sql`insert into permission_definitions (id, value, scope, parent_permission_id, created_at, updated_at)
        select gen_random_uuid(), value, 'Organization', (select id from permission_definitions where value = 'Bound'), now(), now()
        from unnest(${values}::text[]) value`.execute(tx),
    );
    // The projection reads the rows inserted by SQL with the next change of the tree.
    await world.define("Bound.Last");
    await world.server.application.settled();
  });

  const refusedFor = (answer: Parameters<typeof expectError>[0], field: string): void => {
    expectError(answer, 400, "common.validation_failed");
    expect(answer.body.error.details).toEqual([expect.objectContaining({ field, rule: expect.stringContaining("maxItems") })]);
  };

  it("of permissions added to a role, and removed from it", async () => {
    const role = await world.role();
    const at = `roles/${role}/permissions`;
    refusedFor(await world.send(`POST ${at}`, world.owner.token, { permissions: values }), "permissions");
    const permissions = values.slice(1);
    const given = await world.send(`POST ${at}`, world.owner.token, { permissions });
    expectWritten(given, 200);
    expect(given.body.permissions).toHaveLength(200);
    refusedFor(await world.send(`DELETE ${at}`, world.owner.token, { permissions: values }), "permissions");
    const taken = await world.send(`DELETE ${at}`, world.owner.token, { permissions });
    expectWritten(taken, 200);
    expect(taken.body.permissions).toEqual([]);
  });

  it("of checks in a batch", async () => {
    const check = { userId: world.member.id, tenantId: world.organization.id, actionType: "Bound.P1" };
    const checkBatch = (count: number) =>
      world.send("POST authorization/check-batch", world.member.token, { checks: Array.from({ length: count }, () => check) });
    const answer = await checkBatch(1_000);
    expectRead(answer);
    expect(answer.body.results).toHaveLength(1_000);
    refusedFor(await checkBatch(1_001), "checks");
  });

  it("of roles for a member, in an invitation and in a change", async () => {
    const roles: string[] = [];
    for (let index = 0; index < 21; index += 1) roles.push(await world.role());
    const offer = (roleIds: readonly string[]) =>
      world.send(`POST organizations/${world.organization.id}/invitations`, world.owner.token, {
        email: `bound-${unique()}@example.com`,
        roleIds,
      });
    refusedFor(await offer(roles), "roleIds");
    expectWritten(await offer(roles.slice(1)), 201);
    const person = await world.person();
    const at = `PUT organizations/${world.organization.id}/memberships/${await world.membershipOf(person)}`;
    refusedFor(await world.send(at, world.owner.token, { roleIds: roles }), "roleIds");
    expectWritten(await world.send(at, world.owner.token, { roleIds: roles.slice(1) }), 200);
  });

  it("of roles in the internal scope", async () => {
    const person = await newPerson(world.server);
    const roles: string[] = [];
    for (let index = 0; index < 21; index += 1) {
      const made = await world.send("POST roles", world.administrator.token, { name: `Internal ${unique()}`, scope: "Internal" });
      expectWritten(made, 201);
      roles.push(made.body.id);
    }
    const at = `PUT internal/memberships/${person.id}`;
    refusedFor(await world.send(at, world.administrator.token, { roleIds: roles }), "roleIds");
    expectWritten(await world.send(at, world.administrator.token, { roleIds: roles.slice(1) }), 200);
  });

  it("of role rules in a preview", async () => {
    const roleId = await world.role();
    const preview = (permissions: readonly string[]) =>
      world.send("POST authorization/preview", world.owner.token, {
        tenantId: world.organization.id,
        roleId,
        set: permissions.map((permission) => ({ permission })),
      });
    expectRead(await preview(values.slice(1)));
    refusedFor(await preview(values), "set");
  });
});
