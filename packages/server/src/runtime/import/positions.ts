import type { Column, Table } from "./catalogue.ts";

/**
 * What a table's transaction ids mean. They belong to the cluster that gave them: in another they may lie in the future, and a
 * reader would wait for them, or pass over what is written next. So none is taken along.
 */
export type Meaning =
  /** No transaction's id that means anything by its order: the rows are taken as they are. */
  | { readonly kind: "plain" }
  /** A log: becomes one transaction of the target, numbered in the order that it had. */
  | { readonly kind: "log" }
  /** A place in a log: becomes the place behind the same row of it. */
  | { readonly kind: "place"; readonly log: string }
  /** Ids that say when a row was written: the import is the transaction that wrote it. */
  | { readonly kind: "revision"; readonly columns: readonly string[] };

/** The one log of events. */
export const logTable = "events";

/** Tables that are read in the order of their transactions. */
const logs: readonly string[] = [logTable, "audit_entries", "broker_messages"];
const placesOfOthers: Readonly<Record<string, string>> = {
  audit_progress: "audit_entries",
  broker_consumers: "broker_messages",
};

/**
 * Taken along as they are: the hashes of a chain are over the ids that its records were written under, and nothing waits for them.
 */
const hashed: readonly string[] = ["audit_records"];

/** Ids of transactions in columns whose type and default do not tell that they are. */
const declared: Readonly<Record<string, readonly string[]>> = {
  projection_entries: ["version"],
  idempotency_keys: ["revision"],
};

/** A table whose transaction ids this release cannot read a meaning from: an import would write something wrong. */
export class NotUnderstood extends Error {
  constructor(table: string, why: string) {
    super(`The import does not understand the table ${table}: ${why}. It needs a rule in runtime/import/positions.ts.`);
    this.name = "NotUnderstood";
  }
}

/** Reads it from the types: `xid8` is a transaction's id, and with a `sequence` beside it a position in the log. */
export function meaningOf(table: Table): Meaning {
  const named = (name: string): Column | undefined => table.columns.find((column) => column.name === name);
  for (const name of declared[table.name] ?? []) {
    if (named(name) === undefined) throw new NotUnderstood(table.name, `there is no column ${name}`);
  }
  const ids = table.columns.filter(holdsTransaction).map(({ name }) => name);
  const position = ids.includes("transaction") ? named("sequence") : undefined;
  if (hashed.includes(table.name)) return { kind: "plain" };
  if (position === undefined) {
    const columns = [...ids, ...(declared[table.name] ?? [])];
    return columns.length === 0 ? { kind: "plain" } : { kind: "revision", columns };
  }
  if (ids.length > 1) throw new NotUnderstood(table.name, `it has a position and other transaction ids (${ids.join(", ")})`);
  if (logs.includes(table.name)) return { kind: "log" };
  if (position.identity) throw new NotUnderstood(table.name, "it looks like another log");
  return { kind: "place", log: placesOfOthers[table.name] ?? logTable };
}

const holdsTransaction = ({ type, fallback }: Column): boolean =>
  type === "xid8" || (fallback !== null && /pg_current_xact_id|txid_current/.test(fallback));
