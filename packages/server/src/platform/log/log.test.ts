import { describeOnPostgresql, freshPglite, freshPostgresql } from "../contract/databases.ts";
import { logContract } from "./contract/log-contract.ts";
import { logSteps } from "./log.ts";

logContract("PGlite", () => freshPglite(logSteps));

// The rows' visibility depends on the login, so both kinds are held to the contract.
describeOnPostgresql("on a server", () => {
  logContract("PostgreSQL, a superuser that steps down", () => freshPostgresql(logSteps, "superuser"));
  logContract("PostgreSQL, a plain login that owns the database", () => freshPostgresql(logSteps, "plain"));
});
