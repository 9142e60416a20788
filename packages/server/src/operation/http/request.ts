import { createHash, randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { Value } from "typebox/value";
import { extract } from "#platform/telemetry/tracing.ts";
import { invalid } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import { type TObject, Type } from "../declaration/schema.ts";
import { refuseUnstorable } from "../declaration/storable.ts";
import { parseEntityTags } from "./entity-tags.ts";

/** Where the parts of an operation's input stand in a request. */
export interface InputReader {
  readonly parameters: readonly string[];
  /** The fields that come in the query; undefined where the body has them. */
  readonly query: TObject | undefined;
}

export function inputReader(operation: Operation, url: string): InputReader {
  const parameters = [...url.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
  const inQuery = operation.http?.startsWith("GET ") === true;
  const rest = Object.fromEntries(Object.entries(operation.input.properties).filter(([name]) => !parameters.includes(name)));
  return { parameters, query: inQuery ? Type.Object(rest) : undefined };
}

/** The operation's input: parameters, and the query's or the body's fields beside them. */
export function inputOf(reader: InputReader, request: FastifyRequest): Record<string, unknown> {
  const given = reader.query === undefined ? bodyOf(request) : queryOf(reader.query, request);
  if (reader.parameters.length === 0) return given;
  const parameters = request.params as Record<string, string>;
  refuseUnstorable(parameters);
  for (const name of reader.parameters) {
    // The address says what is acted on; a body that says it too would be a second opinion.
    if (Object.hasOwn(given, name)) throw invalid({ field: name, rule: "unknown_field", message: "is given by the address" });
  }
  return { ...given, ...parameters };
}

function bodyOf(request: FastifyRequest): Record<string, unknown> {
  const body = request.body;
  if (body === undefined || body === null) {
    if (body === null) throw invalid({ field: "body", rule: "type:object", message: "must be an object" });
    return {};
  }
  if (typeof body !== "object" || Array.isArray(body)) throw invalid({ field: "body", rule: "type:object", message: "must be an object" });
  return body as Record<string, unknown>;
}

/** Texts of the query become the numbers and booleans that the schema asks for; what cannot stays as it is and fails. */
function queryOf(schema: TObject, request: FastifyRequest): Record<string, unknown> {
  const given = request.query as Readonly<Record<string, unknown>>;
  const converted = Value.Convert(schema, { ...given }) as Record<string, unknown>;
  for (const [name, value] of Object.entries(converted)) {
    // `1.5` is no way to write 1: what is not the same number again was not one of the kind that is asked for.
    if (typeof value === "number" && String(value) !== given[name]) converted[name] = given[name];
  }
  return converted;
}

/**
 * The versions that If-Match names; undefined where it asks for nothing (RFC 9110 §13.1.1). Comparison is strong: a weak tag, or one that
 * is no version of ours, matches no representation, and a list of such tags alone is refused as one of stale versions.
 */
export function ifMatchOf(request: FastifyRequest): readonly number[] | undefined {
  const header = request.headers["if-match"];
  if (header === undefined) return undefined;
  const tags = parseEntityTags(header);
  if (tags === undefined) throw invalid({ field: "If-Match", rule: "etag", message: 'must be * or a list of ETags, as "3"' });
  if (tags === "*") return undefined;
  return tags.flatMap(({ weak, opaque }) => (!weak && versionPattern.test(opaque) ? [Number(opaque)] : []));
}

/** As the ETag is written: without leading zeros, and small enough for the column. */
const versionPattern = /^(?:0|[1-9]\d{0,8})$/;

/**
 * Whatever a header's value can be (RFC 9110 §5.5), so that a caller finds their own id again (AuthZEN 1.0, 10.1.3), but tabs and what is
 * no ASCII: logs get no control characters, and Node does not write bytes above 0x7E as it has read them. Longer than this it is
 * no id, and would only make every answer and log line long.
 */
const acceptableId = /^[\x20-\x7e]{1,1024}$/;
/** An id that can be a trace's as it stands. */
const plainId = /^[\w.:-]{1,128}$/;

/** The caller's x-request-id where it is one, else a new one. */
export function requestIdOf(headers: Record<string, string | string[] | undefined>): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && acceptableId.test(given) ? given : randomUUID();
}

/** The trace that the caller is in (W3C Trace Context), or one of this request's own. */
export function traceOf(request: FastifyRequest): string {
  const given = extract(request.headers["traceparent"] as string | undefined);
  if (given !== undefined) return given.traceId;
  const { id } = request;
  return plainId.test(id) ? id.replaceAll("-", "") : createHash("sha256").update(id).digest("hex").slice(0, 32);
}

/** The span that the request continues, as W3C Trace Context writes it; what is none is kept nowhere. */
export function traceparentOf(request: FastifyRequest): string | undefined {
  const header = request.headers["traceparent"];
  return typeof header === "string" && extract(header) !== undefined ? header : undefined;
}
