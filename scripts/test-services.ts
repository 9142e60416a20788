/**
 * `npm run test:services`: the suites on real services. Today that is PostgreSQL; a service that is not there is named,
 * and fails the run where CI says that all of them must be.
 */
import { spawnSync } from "node:child_process";
import { adminUrl, postgresAnswers } from "../packages/server/src/testing/postgres.ts";

if (await postgresAnswers()) {
  process.stdout.write("PostgreSQL answers: the whole suite runs on it\n");
  const { status } = spawnSync("vitest", ["run"], { stdio: "inherit", env: { ...process.env, TEST_BACKEND: "postgresql" } });
  process.exitCode = status ?? 1;
} else {
  process.stdout.write(`missing: PostgreSQL at ${new URL(adminUrl).host} (TEST_DATABASE_URL names another)\n`);
  process.exitCode = process.env["CI"] === "true" ? 1 : 0;
}
