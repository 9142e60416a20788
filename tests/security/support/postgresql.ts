import { adminUrl, postgresAnswers } from "@gatehouse/testing/postgres.ts";
import { describe } from "vitest";

// The suite of `npm test` needs no server outside of the process; `npm run test:services` sets TEST_BACKEND.
const asked = process.env["TEST_BACKEND"] === "postgresql";
const answers = asked && (await postgresAnswers());
const { hostname, port } = new URL(adminUrl);
const reason = asked
  ? `no PostgreSQL answers at ${hostname}:${port || 5432}; name one in TEST_DATABASE_URL`
  : "npm run test:services runs it on PostgreSQL";

/** A suite for real PostgreSQL: with several connections, as races need. Skipped, with the reason, where there is none. */
export function onPostgresql(name: string, suite: () => void): void {
  if (!answers) console.warn(`skipped: ${name}: ${reason}`);
  describe.skipIf(!answers)(answers ? `${name} [PostgreSQL]` : `${name} (skipped: ${reason})`, suite);
}

/** The same suite on PGlite. Its one connection puts transactions one after the other, so a few rounds show all that it can. */
export const onPglite = (name: string, suite: () => void): void => void describe(`${name} [PGlite]`, suite);
