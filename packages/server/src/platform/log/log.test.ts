import { describeOnPostgresql, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { logConformance } from "./conformance/log-conformance.ts";
import { logSteps } from "./log.ts";

logConformance("PGlite", () => freshPglite(logSteps));

// Row visibility depends on the login, so the contract is checked with both kinds.
describeOnPostgresql("the log on PostgreSQL", () => {
  logConformance("PostgreSQL, a superuser that steps down", () => freshPostgresql(logSteps, "superuser"));
  logConformance("PostgreSQL, a plain login that owns the database", () => freshPostgresql(logSteps, "plain"));
});
