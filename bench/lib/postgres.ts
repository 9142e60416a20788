import { randomBytes } from "node:crypto";
import pg from "pg";

/** A server on which databases may be created; every benchmark creates its own and drops it afterwards. */
export const adminUrl = process.env["BENCH_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

export async function postgresVersion(): Promise<string> {
  try {
    return await withClient(adminUrl, async (client) => {
      const { rows } = await client.query<{ server_version: string }>("show server_version");
      return rows[0]?.server_version ?? "unknown";
    });
  } catch (error) {
    return `not reachable (${error instanceof Error ? error.message : error})`;
  }
}

export async function freshDatabase(scope: AsyncDisposableStack): Promise<string> {
  const name = `gatehouse_bench_${randomBytes(6).toString("hex")}`;
  await withClient(adminUrl, (client) => client.query(`create database ${name}`)).catch((error: Error) => {
    throw new Error(`this benchmark needs PostgreSQL at ${withoutPassword(adminUrl)} (BENCH_DATABASE_URL): ${error.message}`);
  });
  scope.defer(async () => {
    // A process that was killed may have left a connection; `force` ends those of this database only.
    await withClient(adminUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
  });
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  shown.password = "";
  return shown.href;
}
