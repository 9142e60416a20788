import pg from "pg";
import { policies } from "../resilience/policies.ts";
import { translated } from "./driver-errors.ts";

/** What lies behind an address. */
export interface Destination {
  /**
   * Whether a pooler (PgBouncer, Odyssey, PgCat and their kind) stands before the server. It answers a connection with a cancellation
   * key of its own, whose process is not the one that the server names; so what needs one session (LISTEN) is not to be asked there.
   */
  readonly pooled: boolean;
  /** The login and the database: equal for two addresses that lead to the same. */
  readonly place: string;
}

export const destinationOf = (url: string): Promise<Destination> =>
  translated(async () => {
    const timeLimitMs = policies["postgresql.connection"].timeLimitMs;
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeLimitMs, query_timeout: timeLimitMs });
    client.on("error", () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number; place: string }>(
        `select pg_backend_pid() as pid,
          concat_ws(' ', session_user, current_database(), (select oid from pg_database where datname = current_database())) as place`,
      );
      const { pid, place } = rows[0] as { pid: number; place: string };
      return { pooled: pid !== (client as unknown as { readonly processID: number }).processID, place };
    } finally {
      await client.end().catch(() => {});
    }
  });

export const isPooled = async (url: string): Promise<boolean> => (await destinationOf(url)).pooled;
