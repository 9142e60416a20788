import type { Kysely, RawBuilder } from "kysely";
import type { AnyTables, ReadHandle } from "./database.ts";

/** A read handle, a transaction, or the owner's handle. */
export type AnyHandle = ReadHandle | Kysely<AnyTables>;

/** Runs a raw SQL statement and returns its rows. {@link ReadHandle} has no method for raw SQL. */
export async function rowsOf<Row>(db: AnyHandle, statement: RawBuilder<Row>): Promise<Row[]> {
  return (await statement.execute(db as Kysely<AnyTables>)).rows;
}

/** The first row of a raw SQL statement; undefined if there is none. */
export async function firstRow<Row>(db: AnyHandle, statement: RawBuilder<Row>): Promise<Row | undefined> {
  return (await rowsOf(db, statement))[0];
}
