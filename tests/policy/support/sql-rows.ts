import { PGlite } from "@electric-sql/pglite";
import { type ColumnType, type Filter, toSql } from "../../../packages/policy/src/index.ts";
import type { CorpusFile } from "./corpus.ts";

const sqlTypes: Readonly<Record<ColumnType, string>> = {
  uuid: "uuid",
  text: "text",
  address: "text",
  number: "double precision",
  boolean: "boolean",
  time: "timestamptz",
  texts: "text[]",
  numbers: "double precision[]",
};

interface Table {
  readonly name: string;
  readonly columns: Readonly<Record<string, { readonly column: string; readonly type: ColumnType }>>;
}

let database: Promise<PGlite> | undefined;
let tables = 0;

/** The rows of a file in PostgreSQL tables, one for each resource type, created on first use. */
export class SqlRows {
  readonly #file: CorpusFile;
  readonly #tables = new Map<string, Promise<Table>>();

  constructor(file: CorpusFile) {
    this.#file = file;
  }

  /** The ids of the rows that the filter selects. */
  async chosen(type: string, filter: Filter): Promise<string[]> {
    database ??= PGlite.create();
    const table = this.#tables.get(type) ?? this.#make(type);
    this.#tables.set(type, table);
    const { name, columns } = await table;
    const { text, values } = toSql(filter, { dialect: "postgresql", columns });
    const { rows } = await (await database).query<{ c0: string }>(`select c0 from ${name} where ${text}`, values);
    return rows.map(({ c0 }) => c0);
  }

  static async close(): Promise<void> {
    await (await database)?.close();
    database = undefined;
  }

  async #make(type: string): Promise<Table> {
    const rows = this.#file.resources.filter((row) => row.type === type);
    const declared = this.#file.model.resourceTypes?.[type]?.attributes ?? {};
    const attributes = [...new Set(["id", ...Object.keys(declared), ...rows.flatMap((row) => Object.keys(row.attributes))])];
    const columns = attributes.map((attribute, index) => {
      const value = rows.map((row) => row.attributes[attribute]).find((each) => each != null);
      return [attribute, { column: `c${index}`, type: attribute === "id" ? "text" : (declared[attribute] ?? typeOf(value)) }] as const;
    });
    const name = `rows_${tables++}`;
    const db = (await database) as PGlite;
    await db.exec(`create table ${name} (${columns.map(([, { column, type: of }]) => `${column} ${sqlTypes[of]}`).join(", ")})`);
    const places = columns.map((_, index) => `$${index + 1}`).join(", ");
    for (const { id, attributes: row } of rows) {
      await db.query(
        `insert into ${name} values (${places})`,
        columns.map(([attribute]) => (attribute === "id" ? id : (row[attribute] ?? null))),
      );
    }
    return { name, columns: Object.fromEntries(columns) };
  }
}

function typeOf(value: unknown): ColumnType {
  if (Array.isArray(value)) return typeof value[0] === "number" ? "numbers" : "texts";
  return typeof value === "number" || typeof value === "boolean" ? (typeof value as "number" | "boolean") : "text";
}
