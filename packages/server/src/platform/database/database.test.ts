import { describeOnPostgresql, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { foreignSettings } from "@gatehouse/testing/foreign-settings.ts";
import { databaseConformance, databaseContractSteps } from "./conformance/database-conformance.ts";

databaseConformance("PGlite", () => freshPglite(databaseContractSteps));

// Needs several connections, a real network and two kinds of login, which embedded storage does not have.
describeOnPostgresql("the database port on PostgreSQL", () => {
  databaseConformance("PostgreSQL, a superuser that steps down", () => freshPostgresql(databaseContractSteps, "superuser"));
  databaseConformance("PostgreSQL, a superuser that steps down, one connection", () =>
    freshPostgresql(databaseContractSteps, "superuser", 1),
  );
  databaseConformance("PostgreSQL, a plain login that owns the database", () => freshPostgresql(databaseContractSteps, "plain"));
  databaseConformance("PostgreSQL, a plain login that owns the database, one connection", () =>
    freshPostgresql(databaseContractSteps, "plain", 1),
  );
  databaseConformance("PostgreSQL with settings of its own, a superuser that steps down", () =>
    freshPostgresql(databaseContractSteps, "superuser", 4, { settings: foreignSettings }),
  );
  databaseConformance("PostgreSQL with settings of its own, a plain login", () =>
    freshPostgresql(databaseContractSteps, "plain", 4, { settings: foreignSettings }),
  );
});
