import type { ForeignKey, Table } from "./catalogue.ts";
import { meaningOf } from "./positions.ts";

export interface Deferred {
  readonly table: string;
  readonly key: ForeignKey;
}

export interface Order {
  /** A table comes after the tables that its rows refer to, and a position in a log after the log. */
  readonly tables: readonly Table[];
  /** Foreign keys that no order satisfies (a table that refers to itself, a cycle): they are checked at the end. */
  readonly deferred: readonly Deferred[];
}

export function inOrderOfReference(tables: readonly Table[]): Order {
  const left = new Map(tables.map((table) => [table.name, table]));
  const ordered: Table[] = [];
  const deferred: Deferred[] = [];
  const waitsFor = (table: Table): readonly ForeignKey[] => table.foreignKeys.filter(({ to }) => left.has(to));
  // A position in a log is computed from the rows before it.
  const waitsForLog = (table: Table): boolean => {
    const meaning = meaningOf(table);
    return meaning.kind === "position" && left.has(meaning.log);
  };
  const isFree = (table: Table): boolean => waitsFor(table).every(({ to }) => to === table.name) && !waitsForLog(table);
  while (left.size > 0) {
    const next = [...left.values()].find(isFree) ?? leastDependent([...left.values()], waitsFor);
    for (const key of waitsFor(next)) deferred.push({ table: next.name, key });
    ordered.push(next);
    left.delete(next.name);
  }
  return { tables: ordered, deferred };
}

/** In a cycle the table with the fewest open references comes first. */
const leastDependent = (tables: readonly Table[], waitsFor: (table: Table) => readonly ForeignKey[]): Table =>
  tables.reduce((least, table) => (waitsFor(table).length < waitsFor(least).length ? table : least));
