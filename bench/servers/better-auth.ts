/**
 * better-auth as in its documentation for Node and PostgreSQL: e-mail and password, tables by its own migration, its Node handler on a
 * plain HTTP server, which is the minimum.
 */
import { createServer } from "node:http";
import { type BetterAuthOptions, betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import pg from "pg";
import { portOf, ready, variable } from "./life.ts";

const server = createServer();
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const port = portOf(server.address());

const pool = new pg.Pool({ connectionString: variable("DATABASE_URL") });
const options: BetterAuthOptions = {
  baseURL: `http://127.0.0.1:${port}`,
  secret: variable("SECRET"),
  database: pool,
  emailAndPassword: { enabled: true },
  // An hour, so that the cache does not run out within a run: the reference at its best.
  session: { cookieCache: { enabled: variable("COOKIE_CACHE") === "on", maxAge: 3600 } },
  // All requests come from one address, so both sides run without a limit by address.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: "error" },
};
await (await getMigrations(options)).runMigrations();

const handle = toNodeHandler(betterAuth(options));
server.on("request", (request, response) => {
  handle(request, response).catch((error: unknown) => {
    console.error(error);
    response.destroy();
  });
});
ready(port, async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await pool.end();
});
