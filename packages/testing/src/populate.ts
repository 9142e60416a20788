import { sql } from "kysely";
import { type Database, everyTenant } from "../../server/src/platform/database/database.ts";

interface Population {
  /** The number of new users, each a member. */
  readonly members: number;
  /** The number of grants of the relation `viewer`, each to another member and on another Room. */
  readonly grants?: number;
  /** All grants on this one resource. */
  readonly onOne?: string;
  readonly recordedDecisions?: number;
}

/** Fills an organization by SQL, because the API would take minutes. The rows are not projected. */
export async function fillOrganization(database: Database, organizationId: string, population: Population): Promise<void> {
  const { members, grants = 0, onOne = null, recordedDecisions = 0 } = population;
  await database.transact(everyTenant, async (tx) => {
    await sql`create temporary table newcomers on commit drop as
      select gen_random_uuid() as id, n from generate_series(1, ${members}::int) n`.execute(tx);
    await sql`insert into users (id, email, status, first_name, last_name, locale, email_verified_at, created_at, updated_at)
      select id, 'member-' || id || '@example.com', 'Active', 'M', 'N', 'en', now(), now(), now() from newcomers`.execute(tx);
    await sql`create temporary table standing on commit drop as
      select id from roles where organization_id = ${organizationId} and name = 'Member'`.execute(tx);
    await sql`insert into memberships (id, user_id, organization_id, role_id, joined_at)
      select gen_random_uuid(), n.id, ${organizationId}, r.id, now() from newcomers n, standing r`.execute(tx);
    await sql`insert into role_assignments (user_id, organization_id, role_id, assigned_at)
      select n.id, ${organizationId}, r.id, now() from newcomers n, standing r`.execute(tx);
    await sql`insert into relationships (id, organization_id, resource_type, resource_id, relation, subject_type, subject_id, granted_at)
      select gen_random_uuid(), ${organizationId}, 'Room', coalesce(${onOne}::text, n::text), 'viewer', 'user', id, now()
      from newcomers where n <= ${grants}::int`.execute(tx);
    await sql`insert into recorded_decisions (organization_id, day, question_hash, user_id, question, allowed, times, last_at)
      select ${organizationId}, current_date, decode(md5(id::text), 'hex'), id, '{}', true, 1, now()
      from newcomers where n <= ${recordedDecisions}::int`.execute(tx);
  });
}
