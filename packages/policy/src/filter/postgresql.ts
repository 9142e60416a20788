import type { Literal } from "../condition/condition.ts";
import { addressPattern, cidrsOf } from "./address.ts";
import type { ScalarType } from "./compare.ts";
import { type ColumnForm, type Dialect, digitsOf } from "./dialect.ts";
import { bind, raw, type Sql, sql } from "./fragment.ts";

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const isBigint = (value: Literal): boolean => Number.isInteger(value) && Math.abs(value as number) < 2 ** 63;

/** The type to give the values: an index of an integer column serves comparisons with integers, not with numeric. */
function sqlType(type: ScalarType, values: readonly Literal[]): Sql {
  if (type === "number") return raw(values.every(isBigint) ? "bigint" : "numeric");
  return raw(type);
}

/** As text, which every driver sends alike. */
const sent = (value: Literal): Literal => (typeof value === "number" ? digitsOf(value) : value);

const arrayType: Readonly<Record<ScalarType, Sql>> = { text: raw("text[]"), number: raw("numeric[]"), boolean: raw("boolean[]") };
const array = (list: Sql, type: ScalarType): Sql => sql`${list}::${arrayType[type]}`;
const arrayValue = (type: ScalarType, values: readonly Literal[]): Sql => sql`${bind(values.map(sent))}::${arrayType[type]}`;

function isAnyOf({ sql: column, declared, isUuid }: ColumnForm, type: ScalarType, values: readonly Literal[]): Sql {
  // A cast to the type that the column has is nothing, so declared columns keep their index.
  const asUuid = isUuid && values.every((value) => uuid.test(String(value)));
  const left = type !== "text" || asUuid ? column : declared ? sql`${column}::text` : postgresql.text(column);
  const cast = asUuid ? raw("uuid") : sqlType(type, values);
  const [only] = values;
  if (values.length === 1 && only !== undefined) return sql`${left} = ${bind(sent(only))}::${cast}`;
  return sql`${left} = any(${bind(values.map(sent))}::${cast}[])`;
}

/** PostgreSQL 13 and later. */
export const postgresql: Dialect = {
  placeholder: (position) => `$${position}`,
  quoted: (identifier) => `"${identifier.replaceAll('"', '""')}"`,
  unknown: raw("null::boolean"),
  // Half a surrogate pair would arrive as U+FFFD, which a row may have.
  foreign: /[\0\p{Surrogate}]/u,

  text: (column) => sql`${column}::text collate "C"`,
  textValue: (text) => sql`${bind(text)}::text`,
  numberValue: (number) => sql`${bind(sent(number))}::${sqlType("number", [number])}`,
  isAnyOf,

  startsWith: (text, part) => sql`left(${text}, length(${part})) = ${part}`,
  endsWith: (text, part) => sql`right(${text}, length(${part})) = ${part}`,
  includes: (text, part) => sql`strpos(${text}, ${part}) > 0`,

  isInNetworks(text, networks) {
    const isAddress = sql`${text} ~ ${bind(`^${addressPattern}$`)}::text`;
    const cidrs = bind(networks.flatMap(cidrsOf));
    // CASE, because only it promises that the cast is not tried on what is no address.
    return sql`case when ${isAddress} then ${text}::inet <<= any(${cidrs}::text[]::inet[]) end`;
  },

  wholeMs: (column) => sql`date_trunc('milliseconds', ${column})`,
  timeValue: (ms) => sql`${bind(new Date(ms).toISOString())}::timestamptz`,

  isList: (column) => sql`(${column} is not null and array_position(${column}, null) is null)`,
  whereLists: (areLists, then) => sql`(${then} and ${areLists})`,
  isEmptyList: (list) => sql`cardinality(${list}) = 0`,
  hasAny: (list, type, values) => sql`${array(list, type)} && ${arrayValue(type, values)}`,
  hasAll: (list, type, values) => sql`${array(list, type)} @> ${arrayValue(type, values)}`,
  hasOnly: (list, type, values) => sql`${array(list, type)} <@ ${arrayValue(type, values)}`,
  // Numbers without a cast: from double precision to numeric it would round to 15 digits.
  hasElement: (list, type, column) =>
    type === "text" ? sql`${postgresql.text(column)} = any(${array(list, type)})` : sql`${column} = any(${list})`,
  overlaps: (list, other, type) => sql`${array(list, type)} && ${array(other, type)}`,
  covers: (list, other, type) => sql`${array(list, type)} @> ${array(other, type)}`,
};
