/** The minimum of an effect in another process: listens to NOTIFY, inserts a row for each new cause, and answers whether it exists. */
import Fastify from "fastify";
import pg from "pg";
import { portOf, ready, variable } from "./life.ts";

const connectionString = variable("DATABASE_URL");
const pool = new pg.Pool({ connectionString, max: 4 });
const listening = new pg.Client({ connectionString });
await listening.connect();

async function project(id: string): Promise<void> {
  await pool.query({ name: "project", text: "insert into effects (id) select id from causes where id = $1", values: [id] });
}
listening.on("notification", ({ payload }) => void project(payload as string));
await listening.query("listen causes");

const app = Fastify();
app.get<{ Params: { id: string } }>("/effects/:id", async ({ params: { id } }) => {
  const { rows } = await pool.query({ name: "effect", text: "select 1 from effects where id = $1", values: [id] });
  return { there: rows.length === 1 };
});
await app.listen({ host: "127.0.0.1", port: 0 });
ready(portOf(app.server.address()), async () => {
  await app.close();
  await listening.end();
  await pool.end();
});
