/**
 * The minimum of a query: one prepared SELECT by the id in the path, and the rows through a compiled serializer. LIST answers all rows as
 * a page, otherwise the first row.
 */
import Fastify from "fastify";
import pg from "pg";
import { portOf, ready, variable } from "./life.ts";

const pool = new pg.Pool({ connectionString: variable("DATABASE_URL"), max: Number(variable("POOL_SIZE")) });
const text = variable("SELECT");
const list = variable("LIST") === "yes";

const app = Fastify();
const schema = { response: { 200: JSON.parse(variable("ANSWER_SCHEMA")) } };
app.get<{ Params: { id: string } }>(variable("ROUTE"), { schema }, async (request, reply) => {
  const { rows } = await pool.query({ name: "query", text, values: [request.params.id] });
  if (list) return { items: rows, nextCursor: null };
  return rows[0] ?? reply.code(404).send({ error: "nothing there" });
});
await app.listen({ host: "127.0.0.1", port: 0 });
ready(portOf(app.server.address()), async () => {
  await app.close();
  await pool.end();
});
