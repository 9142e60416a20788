import type { RawBuilder } from "kysely";
import type { ReadHandle, WriteHandle } from "./database.ts";

/** Runs a statement and gives its rows. A {@link ReadHandle} has no method of its own for SQL that is written out. */
export async function rowsOf<Row>(db: ReadHandle | WriteHandle, statement: RawBuilder<Row>): Promise<Row[]> {
  return (await statement.execute(db as WriteHandle)).rows;
}

/** The first row of a statement; undefined where it gives none. */
export async function firstRow<Row>(db: ReadHandle | WriteHandle, statement: RawBuilder<Row>): Promise<Row | undefined> {
  return (await rowsOf(db, statement))[0];
}
