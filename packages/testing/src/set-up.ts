import { createHash } from "node:crypto";
import { sql } from "kysely";
import { unique } from "./people.ts";
import type { TestServer } from "./server.ts";

/** Opens the one-time set-up, as a start without an administrator does. Returns its token. */
export async function openSetUp(server: TestServer): Promise<string> {
  const token = `set-up-${unique()}${unique()}`;
  const hashed = createHash("sha256").update(token).digest("hex");
  await sql`insert into one_time_tokens (hash, purpose, created_at) values (${hashed}, 'set-up', now())
    on conflict (purpose) where purpose = 'set-up' and used_at is null do update set hash = excluded.hash`.execute(
    server.application.platform.database.owner,
  );
  return token;
}
