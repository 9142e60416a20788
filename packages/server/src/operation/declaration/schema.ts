import Type, { type Static, type TBoolean, type TObject, type TSchema } from "typebox";
import { Set as setFormat } from "typebox/format";
import { readTimeBound, readTimestamp } from "#platform/timestamp.ts";

export type { Static, TBoolean, TObject, TSchema };
export { Type };

export const Uuid = Type.String({ format: "uuid" });

/**
 * RFC 5321 limits an address to 254 characters. Printable ASCII only: the format alone accepts line breaks between quotes, and
 * letters whose lower case differs in the database.
 */
export const Email = Type.String({ format: "email", maxLength: 254, pattern: "^[!-~]+$" });

/** The format of every time. The catalogue rejects other formats for a time: only this one is checked and normalized. */
export const timestampFormat = "date-time";
// TypeBox's own check accepts times that neither JavaScript nor PostgreSQL can represent.
setFormat(timestampFormat, (text) => readTimestamp(text) !== undefined);

/**
 * A date and time. In an answer: ISO 8601 in UTC. In an input: any form that {@link readTimestamp} accepts; the kernel normalizes it
 * before the use case runs (canonical.ts).
 */
export const Timestamp = Type.String({ format: timestampFormat });

const dayFormat = "date";
setFormat(dayFormat, (text) => readTimeBound(text, "start") !== undefined);
/** The keyword of a bound of a time range: `start` or `end`. The kernel normalizes the bound to a {@link Timestamp}. */
export const timeBoundKeyword = "x-time-bound";
const TimeBound = (bound: "start" | "end", description: string) =>
  Type.Union([Timestamp, Type.String({ format: dayFormat })], { [timeBoundKeyword]: bound, description });
/** The start of a filter's time range: a time, or a day for its start in UTC. */
export const TimeRangeStart = TimeBound("start", "At or after this time, or this day in UTC.");
/** The exclusive end of a filter's time range: a time, or a day for its end in UTC. */
export const TimeRangeEnd = TimeBound("end", "Before this time, or before the end of this day in UTC.");

/** A name has at least one character that is not a space. Its columns are VARCHAR(255). */
export const Name = Type.String({ minLength: 1, maxLength: 255, pattern: "\\S" });

export const Description = Type.String({ maxLength: 2_000 });

/** The keyword of a field whose value is redacted in the audit log and in logs. */
export const secretKeyword = "x-secret";
export const Secret = (options: { minLength?: number; maxLength: number }) => Type.String({ ...options, [secretKeyword]: true });

/** The keyword of a field with personal data: the audit log encrypts it under the person's key, so that it can be erased (decision 0025). */
export const personalKeyword = "x-personal";
export const PersonName = Type.String({ minLength: 1, maxLength: 255, pattern: "\\S", [personalKeyword]: true });

/** An opaque single-use token, as in the links of mails. */
export const Token = Secret({ minLength: 20, maxLength: 200 });

/** An empty body, with status 204. */
export const Nothing = Type.Null();

export const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const oneOf = <const Values extends readonly string[]>(...values: Values) =>
  Type.Unsafe<Values[number]>({ type: "string", enum: [...values] });

/** The keyword of an enum that may get more values within a version: clients must expect unknown ones. */
export const extensibleEnumKeyword = "x-extensible-enum";
export const oneOfExtensible = <const Values extends readonly string[]>(...values: Values) =>
  Type.Unsafe<Values[number]>({ type: "string", enum: [...values], [extensibleEnumKeyword]: true });

/** An encrypted cursor holds a name of 255 characters, each of up to six bytes (`\u0001`), and two ids. */
const cursorMax = 3_000;
/** `?limit=` (50, at most 200) and `?cursor=` of every list (docs/contract.md, "Answers"). */
export const pageDefault = 50;
export const pageMax = 200;
export const Paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: pageMax, default: pageDefault })),
  cursor: Type.Optional(Type.String({ maxLength: cursorMax })),
};

export const Page = <Item extends TSchema>(item: Item) => Type.Object({ items: Type.Array(item), nextCursor: nullable(Type.String()) });

/** The revision of a write, as a string or a number. Callers only pass it back. */
export const RevisionInput = Type.Union([
  Type.String({ pattern: "^[0-9]{1,19}$" }),
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
]);

/** Makes a schema reject undeclared fields, at every depth where it does not declare otherwise. Changes the schema in place. */
export function closed<Schema extends TSchema>(schema: Schema): Schema {
  const node = schema as TSchema & Record<string, unknown>;
  if (node["type"] === "object" && node["additionalProperties"] === undefined && node["patternProperties"] === undefined) {
    node["additionalProperties"] = false;
  }
  for (const property of Object.values((node["properties"] as Record<string, TSchema> | undefined) ?? {})) closed(property);
  for (const list of ["anyOf", "allOf", "oneOf"]) {
    for (const member of (node[list] as TSchema[] | undefined) ?? []) closed(member);
  }
  if (node["items"] !== undefined && !Array.isArray(node["items"])) closed(node["items"] as TSchema);
  return schema;
}
