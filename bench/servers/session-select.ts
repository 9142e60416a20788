/**
 * The minimum of a session validation on a database: one prepared SELECT by token, without a hash, and the row through a compiled
 * serializer.
 */
import Fastify from "fastify";
import pg from "pg";
import { portOf, ready, variable } from "./life.ts";

const pool = new pg.Pool({ connectionString: variable("DATABASE_URL"), max: Number(variable("POOL_SIZE")) });

const text = { type: "string" };
const session = { type: "object", properties: { id: text, userId: text, email: text, expiresAt: text } };
const schema = {
  response: {
    200: { type: "object", properties: { session } },
    401: { type: "object", properties: { error: text } },
  },
};

const app = Fastify();
app.get("/session", { schema }, async (request, reply) => {
  const token = request.headers.authorization?.slice("Bearer ".length);
  const { rows } = await pool.query({
    name: "session",
    text: 'select id, user_id as "userId", email, expires_at as "expiresAt" from session where token = $1 and expires_at > now()',
    values: [token],
  });
  if (rows.length === 0) return reply.code(401).send({ error: "no session" });
  return { session: rows[0] };
});
await app.listen({ host: "127.0.0.1", port: 0 });
ready(portOf(app.server.address()), async () => {
  await app.close();
  await pool.end();
});
