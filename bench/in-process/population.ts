/**
 * A population of any size, written directly into the projection, in the projector's format
 * (packages/server/src/modules/authorization/access/entries: entry-key.ts, compute-kinds.ts). The benchmark compares the server's decisions and
 * fails when one is wrong, so a change of the format is detected.
 */
import { createHash } from "node:crypto";
import { withClient } from "../lib/postgres.ts";
import { sequence } from "./random.ts";

export interface Size {
  readonly users: number;
  readonly organizations: number;
}

export interface Question {
  readonly userId: string;
  readonly organizationId: string;
  readonly action: string;
  readonly allowed: boolean;
}

const usersPerOrganization = 100;
const rolesPerOrganization = 3;
const permissionsPerRole = 20;

export const sizeOf = (users: number): Size => ({ users, organizations: users / usersPerOrganization });

/** The permissions of the nth role of every organization. */
const entityOf = (role: number): string => `Entity${role}`;
const permissionOf = (role: number, verb: number): string => `${entityOf(role)}.Verb${verb}`;

const scope = "Organization";
const policy = {
  permissions: Array.from({ length: rolesPerOrganization }, (_, role) => [
    { value: entityOf(role), parent: null, scope },
    ...Array.from({ length: permissionsPerRole }, (_, verb) => ({
      value: permissionOf(role, verb),
      parent: entityOf(role),
      scope,
    })),
  ]).flat(),
  model: {},
};

/** Equal to PostgreSQL's `md5(…)::uuid`: spread over the index like random identifiers. */
function idOf(what: string, index: number): string {
  const hash = createHash("md5").update(`${what} ${index}`).digest("hex");
  return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20)].join("-");
}

const sqlId = (what: string, index: string): string => `md5('${what} ' || ${index})::uuid`;

/** Replaces the content of the projection. No projector may run meanwhile. */
export async function fill(databaseUrl: string, { users, organizations }: Size): Promise<void> {
  const user = sqlId("user", "i");
  const organization = sqlId("organization", "i");
  const ofUser = sqlId("organization", `(i % ${organizations})`);
  const role = sqlId("role", "i");
  const ofRole = sqlId("organization", `(i / ${rolesPerOrganization})`);
  // Of the users of one organization each third has the same role.
  const roleOfUser = sqlId("role", `((i % ${organizations}) * ${rolesPerOrganization} + (i / ${organizations}) % ${rolesPerOrganization})`);
  const gives = `select jsonb_agg('Entity' || i % ${rolesPerOrganization} || '.Verb' || verb) from generate_series(0, ${permissionsPerRole - 1}) verb`;
  const entries: readonly [count: number, key: string, organization: string, value: string][] = [
    [users, `'iam:user:id:' || ${user}`, "null", `jsonb_build_object('status', 'Active')`],
    [
      users,
      `'iam:membership:user:' || ${user} || ':org:' || ${ofUser}`,
      ofUser,
      `jsonb_build_object('roleIds', jsonb_build_array(${roleOfUser}))`,
    ],
    [organizations, `'iam:org:' || ${organization} || ':status'`, organization, `jsonb_build_object('status', 'Active')`],
    [organizations, `'iam:org:' || ${organization} || ':entitlements'`, organization, `'{}'::jsonb`],
    [
      organizations * rolesPerOrganization,
      `'iam:role:id:' || ${role}`,
      ofRole,
      `jsonb_build_object('id', ${role}, 'name', 'Role ' || i, 'scope', 'Organization', 'organizationId', ${ofRole},
        'isSystem', false, 'given', (${gives}), 'effective', 'iam:role:' || ${role} || ':effective_permissions')`,
    ],
  ];
  await withClient(databaseUrl, async (client) => {
    // Building the index afterwards takes a fraction of the time.
    await client.query("truncate projection_entries");
    await client.query("alter table projection_entries drop constraint projection_entries_pkey");
    for (const [count, key, ofOrganization, value] of entries) {
      await client.query(`insert into projection_entries (key, organization_id, value, version)
        select ${key}, ${ofOrganization}, ${value}, 1 from generate_series(0, ${count - 1}) i`);
    }
    await client.query("insert into projection_entries (key, organization_id, value, version) values ('iam:policy', null, $1, 1)", [
      JSON.stringify(policy),
    ]);
    await client.query("set maintenance_work_mem = '256MB'");
    await client.query("alter table projection_entries add primary key (key)");
    await client.query("vacuum analyze projection_entries");
  });
}

/**
 * Questions about `people` users, one at random from each of as many equal ranges of the population; half of them are about a missing
 * permission.
 */
export function questionsAbout({ users, organizations }: Size, people: number, count: number, seed = 5): Question[] {
  const random = sequence(seed);
  const step = Math.floor(users / people);
  const subjects = Array.from({ length: people }, (_, at) => {
    const index = at * step + random(step);
    const role = Math.floor(index / organizations) % rolesPerOrganization;
    return { userId: idOf("user", index), organizationId: idOf("organization", index % organizations), role };
  });
  return Array.from({ length: count }, (_, index) => {
    const { userId, organizationId, role } = subjects[index < people ? index : random(people)] as (typeof subjects)[number];
    const allowed = random(2) === 1;
    const action = permissionOf(allowed ? role : (role + 1) % rolesPerOrganization, random(permissionsPerRole));
    return { userId, organizationId, action, allowed };
  });
}
