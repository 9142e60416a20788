/** PGlite only: opens or creates the folder, answers one query, and keeps running. */
import { PGlite } from "@electric-sql/pglite";
import { ready, variable } from "./life.ts";

const db = await PGlite.create(variable("FOLDER"));
const { rows } = await db.query<{ one: number }>("select 1 as one");
if (rows[0]?.one !== 1) throw new Error(`select 1 answered ${JSON.stringify(rows)}`);
ready("pglite", () => db.close());
