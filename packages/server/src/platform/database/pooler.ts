import pg from "pg";
import { policies } from "../resilience/policies.ts";
import { translated } from "./faults.ts";

/**
 * Whether a pooler (PgBouncer, Odyssey, PgCat and their kind) stands before the server. It answers a connection with a cancellation key
 * of its own, whose process is not the one that the server names; so what needs one session (LISTEN) is not to be asked there.
 */
export const isPooled = (url: string): Promise<boolean> =>
  translated(async () => {
    const timeLimitMs = policies["postgresql.connection"].timeLimitMs;
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeLimitMs, query_timeout: timeLimitMs });
    client.on("error", () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      return rows[0]?.pid !== (client as unknown as { readonly processID: number }).processID;
    } finally {
      await client.end().catch(() => {});
    }
  });
