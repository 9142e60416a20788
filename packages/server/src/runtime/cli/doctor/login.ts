import { sql } from "kysely";
import type { Database } from "../../../platform/database/database.ts";
import { pendingSteps } from "../../../platform/database/migrations.ts";
import { schemaSteps } from "../../modules.ts";
import { bad, type Finding, good } from "./check.ts";

/** The login's way to row-level security, and the schema. */
export async function checkLogin(database: Database): Promise<readonly Finding[]> {
  const { rows } = await sql<{ bypasses: boolean; may: boolean }>`
    select rolsuper or rolbypassrls as bypasses,
      rolsuper or rolcreaterole or exists (select from pg_roles where rolname = 'gatehouse_app') as may
    from pg_roles where rolname = current_user`.execute(database.owner);
  const found = rows[0] as { bypasses: boolean; may: boolean };
  const pending = await pendingSteps(database.owner, schemaSteps);
  return [
    found.bypasses && !found.may
      ? bad("the login bypasses row-level security and cannot make the role gatehouse_app: use one that does neither")
      : good(
          found.bypasses
            ? "the login bypasses row-level security; transactions step down to gatehouse_app"
            : "the login is held by row-level security",
        ),
    good(pending.length === 0 ? "the schema is up to date" : `${pending.length} steps of the schema are pending; a start applies them`),
  ];
}
