import pg from "pg";

/** PostgreSQL's code for a missing database (3D000). */
const noSuchDatabase = "3D000";

/** Creates the database of the address where it is missing, and returns the address. */
export async function prepareDatabase(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
  } catch (error) {
    if ((error as { code?: string }).code !== noSuchDatabase) throw error;
    await createDatabase(url);
  } finally {
    await client.end();
  }
  return url;
}

async function createDatabase(url: string): Promise<void> {
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const admin = new URL(url);
  admin.pathname = "/postgres";
  const client = new pg.Client({ connectionString: admin.href });
  await client.connect();
  try {
    await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
