import { createHash, randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { Value } from "typebox/value";
import { clientAddress, type TrustedProxies } from "#platform/network/trusted-proxies.ts";
import { extract } from "#platform/telemetry/tracing.ts";
import { invalid } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import { type TObject, Type } from "../declaration/schema.ts";
import { refuseUnstorable } from "../declaration/storable.ts";
import { parseEntityTags } from "./entity-tags.ts";

/** The locations of an operation's input fields in a request. */
export interface InputReader {
  readonly parameters: readonly string[];
  /** The fields in the query string; undefined where they are in the body. */
  readonly query: TObject | undefined;
}

export function inputReader(operation: Operation, url: string): InputReader {
  const parameters = [...url.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
  const inQuery = operation.http?.startsWith("GET ") === true;
  const rest = Object.fromEntries(Object.entries(operation.input.properties).filter(([name]) => !parameters.includes(name)));
  return { parameters, query: inQuery ? Type.Object(rest) : undefined };
}

/** The operation's input: the path parameters, and the fields of the query string or the body. */
export function inputOf(reader: InputReader, request: FastifyRequest): Record<string, unknown> {
  const given = reader.query === undefined ? bodyOf(request) : queryOf(reader.query, request);
  if (reader.parameters.length === 0) return given;
  const parameters = request.params as Record<string, string>;
  refuseUnstorable(parameters);
  for (const name of reader.parameters) {
    // The path names the resource; the same field in the body could contradict it.
    if (Object.hasOwn(given, name)) throw invalid({ field: name, rule: "unknown_field", message: "is a path parameter" });
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

/** Converts query strings to the numbers and booleans of the schema. A value that does not convert stays a string and fails validation. */
function queryOf(schema: TObject, request: FastifyRequest): Record<string, unknown> {
  const given = request.query as Readonly<Record<string, unknown>>;
  const converted = Value.Convert(schema, { ...given }) as Record<string, unknown>;
  for (const [name, value] of Object.entries(converted)) {
    // Convert rounds `1.5` to the integer 1: a number that does not round-trip is invalid.
    if (typeof value === "number" && String(value) !== given[name]) converted[name] = given[name];
  }
  return converted;
}

/**
 * The versions in If-Match; undefined where it has no condition (RFC 9110 §13.1.1). Compares strongly: a weak tag, or a tag that is no
 * version, matches nothing. A list with only such tags is refused like a list of stale versions.
 */
export function ifMatchOf(request: FastifyRequest): readonly number[] | undefined {
  const header = request.headers["if-match"];
  if (header === undefined) return undefined;
  const tags = parseEntityTags(header);
  if (tags === undefined) throw invalid({ field: "If-Match", rule: "etag", message: 'must be * or a list of ETags, as "3"' });
  if (tags === "*") return undefined;
  return tags.flatMap(({ weak, opaque }) => (!weak && versionPattern.test(opaque) ? [Number(opaque)] : []));
}

/** The form of versions in ETags: without leading zeros, and small enough for the column. */
const versionPattern = /^(?:0|[1-9]\d{0,8})$/;

/**
 * Any header value (RFC 9110 §5.5) is returned unchanged (AuthZEN 1.0, 10.1.3), except tabs and non-ASCII: logs get no control
 * characters, and Node does not write bytes above 0x7E as it read them. The length limit keeps answers and log lines short.
 */
const acceptableId = /^[\x20-\x7e]{1,1024}$/;
/** A request id that can be used as a trace id. */
const plainId = /^[\w.:-]{1,128}$/;

/** The caller's x-request-id where it is acceptable, else a new id. */
export function requestIdOf(headers: Record<string, string | string[] | undefined>): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && acceptableId.test(given) ? given : randomUUID();
}

/** The trace id of the caller (W3C Trace Context), else one derived from the request id. */
export function traceOf(request: FastifyRequest): string {
  const given = extract(request.headers["traceparent"] as string | undefined);
  if (given !== undefined) return given.traceId;
  const { id } = request;
  return plainId.test(id) ? id.replaceAll("-", "") : createHash("sha256").update(id).digest("hex").slice(0, 32);
}

/** The caller's traceparent header (W3C Trace Context); undefined where it is absent or malformed. */
export function traceparentOf(request: FastifyRequest): string | undefined {
  const header = request.headers["traceparent"];
  return typeof header === "string" && extract(header) !== undefined ? header : undefined;
}

/** The client's address behind the trusted proxies; null where it is unknown. */
function addressOf({ raw: { headers, socket } }: Pick<FastifyRequest, "raw">, trusted: TrustedProxies): string | null {
  // Several lines of the header are one list (RFC 9110 §5.3); Node joins them.
  return clientAddress(socket.remoteAddress, headers["x-forwarded-for"] as string | undefined, trusted);
}

/** Evaluated lazily: most in-memory queries need none of it. */
export class RequestOrigin implements Origin {
  readonly #request: FastifyRequest;
  readonly #trusted: TrustedProxies;
  #ip: string | null | undefined;
  constructor(request: FastifyRequest, trusted: TrustedProxies) {
    this.#request = request;
    this.#trusted = trusted;
  }
  get ip(): string | null {
    if (this.#ip === undefined) this.#ip = addressOf(this.#request, this.#trusted);
    return this.#ip;
  }
  get userAgent(): string | null {
    return this.#request.headers["user-agent"]?.slice(0, 500) ?? null;
  }
  get requestId(): string {
    return this.#request.id;
  }
  get traceId(): string {
    return traceOf(this.#request);
  }
}
