import pg from "pg";
import { policies } from "../resilience/policies.ts";
import { translated } from "./driver-errors.ts";

/** The server behind an address. */
export interface Destination {
  /**
   * Whether a pooler (such as PgBouncer, Odyssey or PgCat) is in front of the server. It answers a connection with its own cancellation
   * key, whose process id differs from the server's. Commands that need a session (LISTEN) do not work through it.
   */
  readonly pooled: boolean;
  /** Identifies the login and the database: equal for two addresses of the same database. */
  readonly identity: string;
}

export const destinationOf = (url: string): Promise<Destination> =>
  translated(async () => {
    const timeLimitMs = policies["postgresql.connection"].timeLimitMs;
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeLimitMs, query_timeout: timeLimitMs });
    client.on("error", () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number; identity: string }>(
        `select pg_backend_pid() as pid,
          concat_ws(' ', session_user, current_database(), (select oid from pg_database where datname = current_database())) as identity`,
      );
      const { pid, identity } = rows[0] as { pid: number; identity: string };
      return { pooled: pid !== (client as unknown as { readonly processID: number }).processID, identity };
    } finally {
      await client.end().catch(() => {});
    }
  });

export const isPooled = async (url: string): Promise<boolean> => (await destinationOf(url)).pooled;
