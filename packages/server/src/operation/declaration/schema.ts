import Type, { type Static, type TBoolean, type TObject, type TSchema } from "typebox";
import { Set as setFormat } from "typebox/format";
import { readTimeBound, readTimestamp } from "#platform/timestamp.ts";

export type { Static, TBoolean, TObject, TSchema };
export { Type };

export const Uuid = Type.String({ format: "uuid" });

/**
 * RFC 5321 bounds an address at 254 characters. Printable ASCII only: the format alone lets anything stand between quotes,
 * line breaks and letters whose lower case the database writes otherwise.
 */
export const Email = Type.String({ format: "email", maxLength: 254, pattern: "^[!-~]+$" });

/** The format of every time. Another format for a time fails the catalogue's test: only this one is checked and normalized. */
export const timestampFormat = "date-time";
// TypeBox's own check lets through what neither JavaScript nor PostgreSQL can hold.
setFormat(timestampFormat, (text) => readTimestamp(text) !== undefined);

/**
 * A date and time. In an answer ISO 8601 in UTC. In an input whatever {@link readTimestamp} takes, which the kernel
 * normalizes to the same form before the use case runs (canonical.ts).
 */
export const Timestamp = Type.String({ format: timestampFormat });

const dayFormat = "date";
setFormat(dayFormat, (text) => readTimeBound(text, "start") !== undefined);
/** Stands at a bound of a range of times, and says which: `start` or `end`. The kernel normalizes it to a {@link Timestamp}. */
export const timeBoundKeyword = "x-time-bound";
const TimeBound = (bound: "start" | "end", description: string) =>
  Type.Union([Timestamp, Type.String({ format: dayFormat })], { [timeBoundKeyword]: bound, description });
/** The first time of a range, of a filter: a time, or a day for its beginning in UTC. */
export const TimeRangeStart = TimeBound("start", "At or after this time, or this day in UTC.");
/** The time that a range ends before, of a filter: a time, or a day for the end of it in UTC. */
export const TimeRangeEnd = TimeBound("end", "Before this time, or before the end of this day in UTC.");

/** The length of S3's VARCHAR(255) columns; a name has at least one character that is not a space. */
export const Name = Type.String({ minLength: 1, maxLength: 255, pattern: "\\S" });

export const Description = Type.String({ maxLength: 2_000 });

/** A field whose value is redacted wherever the input is kept: audit, logs. */
export const secretKeyword = "x-secret";
export const Secret = (options: { minLength?: number; maxLength: number }) => Type.String({ ...options, [secretKeyword]: true });

/** A field with personal data: the audit log encrypts it under that person's key, so that it can be erased (decision 0025). */
export const personalKeyword = "x-personal";
export const PersonName = Type.String({ minLength: 1, maxLength: 255, pattern: "\\S", [personalKeyword]: true });

/** An opaque single-use token, as the links in mails carry it. */
export const Token = Secret({ minLength: 20, maxLength: 200 });

/** No body: 204. */
export const Nothing = Type.Null();

export const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const oneOf = <const Values extends readonly string[]>(...values: Values) =>
  Type.Unsafe<Values[number]>({ type: "string", enum: [...values] });

/** Marks values of an answer to which more may be added within a version: clients must expect an unknown one. */
export const extensibleEnumKeyword = "x-extensible-enum";
export const oneOfExtensible = <const Values extends readonly string[]>(...values: Values) =>
  Type.Unsafe<Values[number]>({ type: "string", enum: [...values], [extensibleEnumKeyword]: true });

/** A encrypted cursor holds a name of 255 characters, of which each may take six bytes (`\u0001`), and two ids beside it. */
const cursorMax = 3_000;
/** `?limit=` (50, at most 200) and `?cursor=` of every list (docs/contract.md, "Answers"). */
export const pageDefault = 50;
export const pageMax = 200;
export const Paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: pageMax, default: pageDefault })),
  cursor: Type.Optional(Type.String({ maxLength: cursorMax })),
};

export const Page = <Item extends TSchema>(item: Item) => Type.Object({ items: Type.Array(item), nextCursor: nullable(Type.String()) });

/** A write's revision, as text or as a number: it is echoed by callers, never computed with. */
export const RevisionInput = Type.Union([
  Type.String({ pattern: "^[0-9]{1,19}$" }),
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
]);

/** Refuses fields that a schema does not name, at every depth where the schema does not say otherwise. */
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
