import { describeOnPostgresql, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { logConformance } from "./conformance/log-conformance.ts";
import { logSteps } from "./log.ts";

logConformance("PGlite", () => freshPglite(logSteps));

// The rows' visibility depends on the login, so both kinds are held to the contract.
describeOnPostgresql("on a server", () => {
  logConformance("PostgreSQL, a superuser that steps down", () => freshPostgresql(logSteps, "superuser"));
  logConformance("PostgreSQL, a plain login that owns the database", () => freshPostgresql(logSteps, "plain"));
});
