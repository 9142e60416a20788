import type { Column, Table } from "./catalogue.ts";

/**
 * The meaning of a table's transaction ids. They belong to the source's cluster. In another cluster they may be in the future, and a
 * reader would wait for them or skip later rows. So none of them is copied.
 */
export type Meaning =
  /** No transaction ids with a meaning: the rows are copied unchanged. */
  | { readonly kind: "plain" }
  /** A log: becomes one transaction of the target, numbered in its original order. */
  | { readonly kind: "log" }
  /** A position in a log: becomes the position after the same row. */
  | { readonly kind: "position"; readonly log: string }
  /** The transaction that last wrote a row: becomes the transaction of the import. */
  | { readonly kind: "revision"; readonly columns: readonly string[] };

/** The event log. */
export const logTable = "events";

/** Tables that are read in the order of their transactions. */
const logs: readonly string[] = [logTable, "audit_entries", "broker_messages"];
const logsOfPositions: Readonly<Record<string, string>> = {
  audit_progress: "audit_entries",
  broker_consumers: "broker_messages",
};

/**
 * Copied unchanged: the hashes of the audit chain cover the ids, and no reader waits for them.
 */
const hashed: readonly string[] = ["audit_records"];

/** Columns with transaction ids that neither their type nor their default reveals. */
const declared: Readonly<Record<string, readonly string[]>> = {
  projection_entries: ["version"],
  idempotency_keys: ["revision"],
};

/** A table whose transaction ids have no known meaning: an import could write wrong positions. */
export class UnknownPositionTable extends Error {
  constructor(table: string, why: string) {
    super(`The import does not understand the table ${table}: ${why}. It needs a rule in runtime/import/positions.ts.`);
    this.name = "UnknownPositionTable";
  }
}

/** Derives the meaning from the types: `xid8` is a transaction id, and together with `sequence` a position in a log. */
export function meaningOf(table: Table): Meaning {
  const named = (name: string): Column | undefined => table.columns.find((column) => column.name === name);
  for (const name of declared[table.name] ?? []) {
    if (named(name) === undefined) throw new UnknownPositionTable(table.name, `there is no column ${name}`);
  }
  const ids = table.columns.filter(holdsTransaction).map(({ name }) => name);
  const position = ids.includes("transaction") ? named("sequence") : undefined;
  if (hashed.includes(table.name)) return { kind: "plain" };
  if (position === undefined) {
    const columns = [...ids, ...(declared[table.name] ?? [])];
    return columns.length === 0 ? { kind: "plain" } : { kind: "revision", columns };
  }
  if (ids.length > 1) throw new UnknownPositionTable(table.name, `it has a position and other transaction ids (${ids.join(", ")})`);
  if (logs.includes(table.name)) return { kind: "log" };
  if (position.identity) throw new UnknownPositionTable(table.name, "it looks like another log");
  return { kind: "position", log: logsOfPositions[table.name] ?? logTable };
}

const holdsTransaction = ({ type, fallback }: Column): boolean =>
  type === "xid8" || (fallback !== null && /pg_current_xact_id|txid_current/.test(fallback));
