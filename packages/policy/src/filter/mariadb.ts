import type { Literal } from "../condition/condition.ts";
import { addressPattern, boundsOf } from "./address.ts";
import type { ScalarType } from "./compare.ts";
import { type ColumnForm, type Dialect, digitsOf } from "./dialect.ts";
import { bind, joined, raw, type Sql, sql } from "./fragment.ts";

/** Whatever collation a column has, texts are equal when their characters are: no case, no accents, no trailing spaces dropped. */
const exact = (text: Sql): Sql => sql`convert(${text} using utf8mb4) collate utf8mb4_nopad_bin`;

/** DECIMAL(65,30) holds integers of up to 35 digits; bigint columns compare with it exactly, and with a double or a text not. */
const decimalBelow = 1e35;
const decimalPlaces = 30;

function numberValue(number: number): Sql {
  const digits = digitsOf(number);
  const [, places = ""] = digits.split(".");
  const fits = Math.abs(number) < decimalBelow && !digits.includes("e") && places.length <= decimalPlaces;
  return fits ? sql`cast(${bind(digits)} as decimal(65,30))` : sql`cast(${bind(digits)} as double)`;
}

function value(type: ScalarType, literal: Literal): Sql {
  if (type === "number") return numberValue(literal as number);
  return type === "boolean" ? sql`cast(${bind(literal ? 1 : 0)} as signed)` : exact(bind(literal));
}

const ascii = /^[\0-\x7f]*$/;

function isAnyOf({ sql: column, declared }: ColumnForm, type: ScalarType, literals: readonly Literal[]): Sql {
  const isOneOf = (left: Sql, values: readonly Sql[]): Sql =>
    values.length === 1 ? sql`${left} = ${values[0] ?? []}` : sql`${left} in (${joined(values, ", ")})`;
  const values = literals.map((literal) => value(type, literal));
  if (type !== "text") return isOneOf(column, values);
  const isExactly = isOneOf(exact(column), values);
  // The column's own collation finds more, but by its index. ASCII alone, because a column's character set may not have others.
  return declared && literals.every((literal) => ascii.test(String(literal)))
    ? sql`(${isOneOf(column, literals.map(bind))} and ${isExactly})`
    : isExactly;
}

/** The elements of a JSON array as rows: `v` is the value, `o` its place counted from one. */
const elements = (list: Sql, alias: Sql): Sql => sql`json_table(${list}, '$[*]' columns (o for ordinality, v longtext path '$')) ${alias}`;
const kind = (list: Sql, alias: Sql): Sql => sql`json_type(json_extract(${list}, concat('$[', ${alias}.o - 1, ']')))`;

const kinds: Readonly<Record<ScalarType, Sql>> = { text: raw("'STRING'"), number: raw("'INTEGER', 'DOUBLE'"), boolean: raw("'BOOLEAN'") };
const isOfType = (list: Sql, alias: Sql, type: ScalarType): Sql => sql`${kind(list, alias)} in (${kinds[type]})`;

/** JSON's numbers are doubles to JavaScript, and so here. */
const comparable = (type: ScalarType, side: Sql): Sql => (type === "number" ? sql`cast(${side} as double)` : exact(side));
/** `v` of a boolean is 0 or 1. */
const elementValue = (type: ScalarType, literal: Literal): Sql =>
  comparable(type, bind(type === "number" ? digitsOf(literal as number) : type === "boolean" ? String(Number(literal)) : literal));

const e = raw("e");
const f = raw("f");
const v = (alias: Sql, type: ScalarType): Sql => comparable(type, sql`${alias}.v`);
const isAmong = (list: Sql, type: ScalarType, literals: readonly Literal[]): Sql =>
  sql`${isOfType(list, e, type)} and ${v(e, type)} in (${joined(
    literals.map((literal) => elementValue(type, literal)),
    ", ",
  )})`;
const samePair = (list: Sql, other: Sql, type: ScalarType): Sql =>
  sql`${isOfType(list, e, type)} and ${isOfType(other, f, type)} and ${v(e, type)} = ${v(f, type)}`;

/** An address as 16 bytes. INET6_ATON takes 39 characters at most, and an address that ends in IPv4's form may have 45. */
function addressNumber(text: Sql): Sql {
  const tail = sql`substring_index(${text}, ':', -1)`;
  const head = sql`left(${text}, char_length(${text}) - char_length(${tail}))`;
  const shorter = sql`concat(${head}, hex(inet_aton(${tail}) >> 16), ':', hex(inet_aton(${tail}) & 65535))`;
  return sql`inet6_aton(if(locate(':', ${text}) = 0, concat('::ffff:', ${text}), if(char_length(${text}) > 39, ${shorter}, ${text})))`;
}

/** MariaDB 10.6 and later (JSON_TABLE). The connection's character set must be utf8mb4. */
export const mariadb: Dialect = {
  placeholder: () => "?",
  quoted: (identifier) => `\`${identifier.replaceAll("`", "``")}\``,
  unknown: raw("null"),
  foreign: /\p{Surrogate}/u,

  text: exact,
  textValue: (text) => exact(bind(text)),
  numberValue,
  isAnyOf,

  startsWith: (text, part) => sql`left(${text}, char_length(${part})) = ${part}`,
  endsWith: (text, part) => sql`right(${text}, char_length(${part})) = ${part}`,
  includes: (text, part) => sql`locate(${part}, ${text}) > 0`,

  isInNetworks(text, networks) {
    // Not $, which in PCRE also matches before a final line break.
    const isAddress = sql`${text} regexp ${bind(`^${addressPattern}\\z`)}`;
    const number = addressNumber(text);
    const tests = networks.map(boundsOf).map(([first, last]) => sql`${number} between unhex(${bind(first)}) and unhex(${bind(last)})`);
    return sql`case when ${isAddress} then ${tests.length > 0 ? joined(tests, " or ") : raw("false")} end`;
  },

  wholeMs: (column) => sql`cast(${column} as datetime(3))`,
  timeValue: (ms) => sql`cast(${bind(new Date(ms).toISOString().replace("T", " ").replace("Z", ""))} as datetime(3))`,

  isList: (column) =>
    sql`(coalesce(json_type(${column}) = 'ARRAY', false) and not exists (select 1 from ${elements(column, e)} where ${kind(column, e)} in ('NULL', 'OBJECT', 'ARRAY')))`,
  // CASE, because only it promises that JSON_TABLE is not tried on what is no JSON.
  whereLists: (areLists, then) => sql`case when ${areLists} then ${then} end`,
  isEmptyList: (list) => sql`json_length(${list}) = 0`,
  hasAny: (list, type, literals) => sql`exists (select 1 from ${elements(list, e)} where ${isAmong(list, type, literals)})`,
  hasAll: (list, type, literals) =>
    sql`(select count(distinct ${v(e, type)}) from ${elements(list, e)} where ${isAmong(list, type, literals)}) = ${bind(new Set(literals).size)}`,
  hasOnly: (list, type, literals) => sql`not exists (select 1 from ${elements(list, e)} where not (${isAmong(list, type, literals)}))`,
  hasElement: (list, type, column) =>
    sql`exists (select 1 from ${elements(list, e)} where ${isOfType(list, e, type)} and ${v(e, type)} = ${comparable(type, column)})`,
  overlaps: (list, other, type) =>
    sql`exists (select 1 from ${elements(list, e)} join ${elements(other, f)} where ${samePair(list, other, type)})`,
  covers: (list, other, type) =>
    sql`not exists (select 1 from ${elements(other, f)} where not exists (select 1 from ${elements(list, e)} where ${samePair(list, other, type)}))`,
};
