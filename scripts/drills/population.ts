import type pg from "pg";

/** Creates users, each a member with the role Member and one grant; by SQL, because it would take an hour through the API. */
export async function fillBySql(client: pg.Client, organizationId: string, members: number): Promise<void> {
  await client.query("create temporary table newcomers as select gen_random_uuid() as id, n from generate_series(1, $1::int) n", [members]);
  await client.query(`insert into users (id, email, status, first_name, last_name, locale, email_verified_at, created_at, updated_at)
    select id, 'member-' || id || '@example.com', 'Active', 'M', 'N', 'en', now(), now(), now() from newcomers`);
  const role = "(select id from roles where organization_id = $1 and name = 'Member')";
  for (const [into, what] of [
    ["memberships (id, user_id, organization_id, role_id, joined_at)", `gen_random_uuid(), id, $1, ${role}, now()`],
    ["role_assignments (user_id, organization_id, role_id, assigned_at)", `id, $1, ${role}, now()`],
    [
      "relationships (id, organization_id, resource_type, resource_id, relation, subject_type, subject_id, granted_at)",
      "gen_random_uuid(), $1::uuid, 'Room', n::text, 'viewer', 'user', id::text, now()",
    ],
  ]) {
    await client.query(`insert into ${into} select ${what} from newcomers`, [organizationId]);
  }
  await client.query("analyze");
}
