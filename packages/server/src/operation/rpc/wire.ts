import { Compile } from "typebox/compile";
import { type Headers, noHeaders } from "#platform/rpc/rpc.ts";
import { deprecationField, sunsetField } from "../declaration/deprecation.ts";
import { type ErrorDefinition, invalid, OperationError, withRateLimits } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import type { RateLimitFields } from "../declaration/rate-limit-fields.ts";
import { type Static, Type } from "../declaration/schema.ts";
import type { Answer, Call } from "../kernel/dispatch.ts";
import { type ErrorEnvelope, envelopeOf } from "../transport/envelope.ts";
import { parseJson } from "../transport/json.ts";
import type { SentCredential } from "../transport/serve.ts";
import { subjectOf } from "./subjects.ts";

/** Enough for every kind of credential, including signed tokens. */
const tokenLengthMax = 8_192;

const Version = Type.Integer({ minimum: 0 });
/** More tags do not fit into a header. */
const versionsMax = 8_192;
/** A transaction id of 64 bits has at most 20 digits. */
const revisionForm = /^\d{1,20}$/;

/**
 * A call between two processes, as JSON. Only `input` is required; the other fields have what a transport knows of the request.
 */
export const WireCall = Type.Object(
  {
    input: Type.Record(Type.String(), Type.Unknown()),
    /** The id of a call, the same for each attempt: a command runs once for each id. */
    id: Type.Optional(Type.String({ pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" })),
    credential: Type.Optional(
      Type.Object({
        token: Type.String({ maxLength: tokenLengthMax }),
        from: Type.Union([Type.Literal("header"), Type.Literal("cookie")]),
      }),
    ),
    origin: Type.Optional(
      Type.Object({
        ip: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
        userAgent: Type.Union([Type.String({ maxLength: 500 }), Type.Null()]),
        requestId: Type.String({ maxLength: 1_024 }),
        traceId: Type.String({ maxLength: 128 }),
      }),
    ),
    idempotencyKey: Type.Optional(Type.String({ maxLength: 255 })),
    /** A single version is a number: a process of the previous release does not know the list. */
    ifMatch: Type.Optional(Type.Union([Version, Type.Array(Version, { maxItems: versionsMax })])),
    traceparent: Type.Optional(Type.String({ maxLength: 128 })),
    /** The time that the caller waits, in milliseconds. */
    timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 60_000 })),
    /** The newest revision that the caller has seen: the answer must not be older. */
    seen: Type.Optional(Type.String({ pattern: revisionForm.source })),
  },
  { additionalProperties: false },
);
export type WireCall = Static<typeof WireCall>;

const checker = Compile(WireCall);

/** Parses a call. Throws `common.validation_failed` where it is malformed. */
export function readCall(body: Uint8Array): WireCall {
  let call: unknown;
  try {
    call = parseJson(utf8.decode(body));
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw invalid({ field: "request", rule: "syntax", message: "cannot be read: it must be JSON in UTF-8" });
  }
  if (!checker.Check(call)) throw invalid({ field: "request", rule: "shape", message: "is not a call: { input, credential?, … }" });
  return call;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Serializes a call that a transport received. The principal is omitted: the answering process authenticates the credential. */
export function writeCall(
  call: Call,
  sent: SentCredential | undefined,
  options: { readonly id: string | undefined; readonly timeoutMs: number; readonly seen: string | undefined },
): Buffer {
  const { input, origin, idempotencyKey, ifMatch, traceparent } = call;
  const { ip, userAgent, requestId, traceId } = origin;
  const known: Origin = { ip, userAgent, requestId, traceId };
  try {
    return Buffer.from(
      JSON.stringify({
        input,
        credential: shortened(sent),
        origin: known,
        idempotencyKey,
        ifMatch: sentVersions(ifMatch),
        traceparent,
        ...options,
      }),
    );
  } catch (error) {
    // Very deep data can be parsed, but its serialization overflows the stack.
    if (error instanceof RangeError) throw invalid({ field: "body", rule: "depth", message: "is nested too deeply" });
    throw error;
  }
}

const sentVersions = (versions: readonly number[] | undefined) => (versions?.length === 1 ? versions[0] : versions);

/** A token that is longer than any credential is replaced by an empty one, which is refused as well. */
const shortened = (sent: SentCredential | undefined): SentCredential | undefined =>
  sent !== undefined && sent.token.length > tokenLengthMax ? { ...sent, token: "" } : sent;

/** Headers of a reply: the status and headers of the corresponding HTTP answer. */
const header = {
  status: "gatehouse-status",
  retryAfter: "gatehouse-retry-after",
  revision: "gatehouse-revision",
  appended: "gatehouse-appended",
  deprecation: "gatehouse-deprecation",
  sunset: "gatehouse-sunset",
  successor: "gatehouse-successor",
  rateLimitPolicy: "gatehouse-ratelimit-policy",
  rateLimit: "gatehouse-ratelimit",
} as const;

/** The additional headers of a deprecated operation's replies: the values of the HTTP headers, and the subject of the successor. */
export function deprecationHeaders({ deprecated }: Operation, byName: ReadonlyMap<string, Operation>): Headers {
  if (deprecated === undefined) return noHeaders;
  const successor = deprecated.replacedBy === undefined ? undefined : byName.get(deprecated.replacedBy);
  return {
    [header.deprecation]: deprecationField(deprecated),
    [header.sunset]: sunsetField(deprecated),
    ...(successor === undefined ? {} : { [header.successor]: subjectOf(successor) }),
  };
}

export function headersOf({ revision, appended, rateLimits }: Answer): Headers {
  if (revision === undefined) return rateLimitHeaders(rateLimits);
  return { [header.revision]: revision, ...(appended ? { [header.appended]: "true" } : {}), ...rateLimitHeaders(rateLimits) };
}

const rateLimitHeaders = (fields: RateLimitFields | undefined): Headers =>
  fields === undefined ? noHeaders : { [header.rateLimitPolicy]: fields.policy, [header.rateLimit]: fields.state };

/** Undefined where they are missing, and where they are not valid as HTTP headers. */
function rateLimitsIn(headers: Headers): RateLimitFields | undefined {
  const { [header.rateLimitPolicy]: policy, [header.rateLimit]: state } = headers;
  if (policy === undefined || state === undefined || !fieldForm.test(policy) || !fieldForm.test(state)) return undefined;
  return { policy, state };
}
const fieldForm = /^[ -~]{1,1000}$/;

/** An error as a reply: the error envelope, with its status in a header. */
export function writeError(error: OperationError, traceId: string, publicUrl: string) {
  const { retryAfterSeconds, rateLimits } = error;
  return {
    body: Buffer.from(JSON.stringify(envelopeOf(error, traceId, publicUrl))),
    headers: {
      [header.status]: String(error.definition.status),
      ...(retryAfterSeconds === undefined ? {} : { [header.retryAfter]: String(retryAfterSeconds) }),
      ...rateLimitHeaders(rateLimits),
    },
  };
}

/** Whether a reply has an error instead of an answer. */
export const isErrorReply = (headers: Headers): boolean => headers[header.status] !== undefined;

/** The error of a reply that {@link isErrorReply}. */
export function readError(body: Uint8Array, headers: Headers, known: ReadonlyMap<string, ErrorDefinition> = new Map()): OperationError {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  return errorOf(JSON.parse(text) as ErrorEnvelope, Number(headers[header.status]), headers[header.retryAfter], known);
}

/** Parses a reply. Returns the answer, or throws the error in it. */
export function readReply(body: Uint8Array, headers: Headers, known: ReadonlyMap<string, ErrorDefinition>): Answer {
  const rateLimits = rateLimitsIn(headers);
  if (isErrorReply(headers)) {
    const error = readError(body, headers, known);
    throw rateLimits === undefined ? error : withRateLimits(error, rateLimits);
  }
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  const revision = headers[header.revision];
  return {
    text,
    // Most transports forward the text without parsing it.
    get output() {
      return text === "" ? null : JSON.parse(text);
    },
    ...(rateLimits === undefined ? {} : { rateLimits }),
    ...(revision === undefined || !revisionForm.test(revision) ? {} : { revision, appended: headers[header.appended] === "true" }),
  };
}

function errorOf(
  { error }: ErrorEnvelope,
  status: number,
  retryAfter: string | undefined,
  known: ReadonlyMap<string, ErrorDefinition>,
): OperationError {
  // A newer process may return an error code that this one does not know.
  const definition = known.get(error.code) ?? { code: error.code, status, message: error.message };
  return new OperationError(definition, error.details, retryAfter === undefined ? {} : { retryAfterSeconds: Number(retryAfter) });
}
