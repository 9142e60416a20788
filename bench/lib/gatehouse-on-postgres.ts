import { type Account, newAccount } from "../fixture.ts";
import { Api } from "./api.ts";
import type { Bench } from "./benchmark.ts";
import { type Gatehouse, startGatehouse } from "./gatehouse.ts";
import { freshDatabase } from "./postgres.ts";
import { scratchFolder } from "./scratch.ts";

export interface RunningGatehouse extends Gatehouse {
  api: Api;
  admin: Account;
  databaseUrl: string;
}

/** One Gatehouse process with every role, on its own PostgreSQL database. */
export async function startOnPostgres(bench: Bench): Promise<RunningGatehouse> {
  const databaseUrl = await freshDatabase(bench.scope);
  const admin = newAccount("admin");
  bench.say("starting gatehouse on PostgreSQL");
  const gatehouse = await startGatehouse(bench.scope, {
    GATEHOUSE_DATA_DIR: await scratchFolder(bench.scope),
    DATABASE_URL: databaseUrl,
    GATEHOUSE_ADMIN_EMAIL: admin.email,
    GATEHOUSE_ADMIN_PASSWORD: admin.password,
    // The set-up signs in from one address more often than a person, and the sign-in benchmarks do nothing else.
    GATEHOUSE_SIGN_IN_LIMIT: "off",
    GATEHOUSE_DECISION_STEPS: "1000000000",
    GATEHOUSE_API_KEY_LIMIT: "1000000000",
    GATEHOUSE_QUOTA_ORGANIZATIONS: "1000000",
  });
  return { ...gatehouse, api: new Api(gatehouse.url), admin, databaseUrl };
}
