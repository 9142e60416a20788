import { describeOnPostgresql, freshPglite, freshPostgresql } from "../contract/databases.ts";
import { foreignSettings } from "../contract/foreign-settings.ts";
import { databaseContract, databaseContractSteps } from "./contract/database-contract.ts";

databaseContract("PGlite", () => freshPglite(databaseContractSteps));

// Several connections, a real network and two kinds of login: what one embedded connection cannot prove.
describeOnPostgresql("on a server", () => {
  databaseContract("PostgreSQL, a superuser that steps down", () => freshPostgresql(databaseContractSteps, "superuser"));
  databaseContract("PostgreSQL, a superuser that steps down, one connection", () => freshPostgresql(databaseContractSteps, "superuser", 1));
  databaseContract("PostgreSQL, a plain login that owns the database", () => freshPostgresql(databaseContractSteps, "plain"));
  databaseContract("PostgreSQL, a plain login that owns the database, one connection", () =>
    freshPostgresql(databaseContractSteps, "plain", 1),
  );
  databaseContract("PostgreSQL with settings of its own, a superuser that steps down", () =>
    freshPostgresql(databaseContractSteps, "superuser", 4, { settings: foreignSettings }),
  );
  databaseContract("PostgreSQL with settings of its own, a plain login", () =>
    freshPostgresql(databaseContractSteps, "plain", 4, { settings: foreignSettings }),
  );
});
