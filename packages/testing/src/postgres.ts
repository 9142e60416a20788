import { randomBytes } from "node:crypto";
import pg from "pg";
import { foreignSettings, settingsOf } from "./foreign-settings.ts";
import { startOnce } from "./start-once.ts";

/** The PostgreSQL for tests: TEST_DATABASE_URL, else the local one. */
export const adminUrl = process.env["TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

/** True if PostgreSQL answers. Tests that need it are skipped with the reason where it does not. */
export async function postgresAnswers(): Promise<boolean> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 2_000 });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

export interface TestDatabase {
  readonly url: string;
  /** The address of the server itself, if `url` is that of a pooler. */
  readonly directUrl: string | undefined;
  drop(): Promise<void>;
}

export interface Template {
  readonly name: string;
  drop(): Promise<void>;
}

/** Creates a template: a database after the first start. A copy takes half the time of a migration. */
export async function makeTemplate(masterKey: string): Promise<Template> {
  const { url, drop } = await makeDatabase();
  await startOnce({ DATABASE_URL: url, GATEHOUSE_MASTER_KEY: masterKey });
  return { name: new URL(url).pathname.slice(1), drop };
}

/**
 * Creates a database for one test file, empty or a copy of `template`. TEST_DATABASE_SETTINGS=foreign gives it {@link foreignSettings};
 * TEST_DATABASE_POOLER names a pooler in front of it.
 */
export async function makeDatabase(template?: string): Promise<TestDatabase> {
  const name = `gatehouse_test_${randomBytes(6).toString("hex")}`;
  await run(`create database ${name}${template === undefined ? "" : ` template ${template}`}`);
  if (process.env["TEST_DATABASE_SETTINGS"] === "foreign")
    for (const statement of settingsOf("database", name, foreignSettings)) await run(statement);
  const at = (address: string): string => Object.assign(new URL(address), { pathname: `/${name}` }).href;
  const pooler = process.env["TEST_DATABASE_POOLER"];
  return {
    url: at(pooler ?? adminUrl),
    directUrl: pooler && at(adminUrl),
    drop: () => run(`drop database if exists ${name} with (force)`),
  };
}

async function run(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
