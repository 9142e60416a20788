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

/** Room for every form of credential, a signed token's too. */
const tokenLengthMax = 8_192;

const Version = Type.Integer({ minimum: 0 });
/** As many tags as fit into a header. */
const versionsMax = 8_192;
/** A transaction id of 64 bits has at most 20 digits. What is longer is no revision, and would be refused in a later call. */
const revisionForm = /^\d{1,20}$/;

/**
 * A call on its way between two processes, as JSON. `input` alone makes one, from whoever calls without a credential; the
 * rest is what a door knows besides.
 */
export const WireCall = Type.Object(
  {
    input: Type.Record(Type.String(), Type.Unknown()),
    /** Of one call, however often it is sent: a command is done once for each. */
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
    /** One version alone is a number: a process of the release before knows no list. */
    ifMatch: Type.Optional(Type.Union([Version, Type.Array(Version, { maxItems: versionsMax })])),
    traceparent: Type.Optional(Type.String({ maxLength: 128 })),
    /** How long the asking side waits from now, in milliseconds. */
    timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 60_000 })),
    /** The newest revision that the asking side has seen: the answer is not older. */
    seen: Type.Optional(Type.String({ pattern: revisionForm.source })),
  },
  { additionalProperties: false },
);
export type WireCall = Static<typeof WireCall>;

const checker = Compile(WireCall);

/** Reads a call. Throws `common.validation_failed` where it is none. */
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

/** Writes a call that a transport received. The principal is left out: the process that answers authenticates the credential. */
export function writeCall(
  call: Call,
  sent: SentCredential | undefined,
  more: { readonly id: string | undefined; readonly timeoutMs: number; readonly seen: string | undefined },
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
        ...more,
      }),
    );
  } catch (error) {
    // Data of a hundred thousand levels is read, but not written again: the stack ends first.
    if (error instanceof RangeError) throw invalid({ field: "body", rule: "depth", message: "is nested too deeply" });
    throw error;
  }
}

const sentVersions = (versions: readonly number[] | undefined) => (versions?.length === 1 ? versions[0] : versions);

/** What is longer than any credential is none, and need not travel to be refused. */
const shortened = (sent: SentCredential | undefined): SentCredential | undefined =>
  sent !== undefined && sent.token.length > tokenLengthMax ? { ...sent, token: "" } : sent;

/** Headers of a reply: what stands beside the body of the HTTP server's answer. */
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

/** What every reply of a deprecated operation has beside its own: the values of the HTTP headers, and the subject to ask instead. */
export function noticeHeaders({ deprecated }: Operation, byName: ReadonlyMap<string, Operation>): Headers {
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

/** Undefined where there are none, and where they could not be sent on as headers. */
function rateLimitsIn(headers: Headers): RateLimitFields | undefined {
  const { [header.rateLimitPolicy]: policy, [header.rateLimit]: state } = headers;
  if (policy === undefined || state === undefined || !fieldForm.test(policy) || !fieldForm.test(state)) return undefined;
  return { policy, state };
}
const fieldForm = /^[ -~]{1,1000}$/;

/** A refusal as a reply: the one error envelope, and its status beside it. */
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

/** Reads a reply: the answer, or throws the refusal that it holds. */
export function readReply(body: Uint8Array, headers: Headers, known: ReadonlyMap<string, ErrorDefinition>): Answer {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  const status = headers[header.status];
  const rateLimits = rateLimitsIn(headers);
  if (status !== undefined) {
    const refusal = refusalOf(JSON.parse(text) as ErrorEnvelope, Number(status), headers[header.retryAfter], known);
    throw rateLimits === undefined ? refusal : withRateLimits(refusal, rateLimits);
  }
  const revision = headers[header.revision];
  return {
    text,
    // Few doors look into an answer; most send it on as it is.
    get output() {
      return text === "" ? null : JSON.parse(text);
    },
    ...(rateLimits === undefined ? {} : { rateLimits }),
    ...(revision === undefined || !revisionForm.test(revision) ? {} : { revision, appended: headers[header.appended] === "true" }),
  };
}

function refusalOf(
  { error }: ErrorEnvelope,
  status: number,
  retryAfter: string | undefined,
  known: ReadonlyMap<string, ErrorDefinition>,
): OperationError {
  // A newer process may refuse with what this one has not heard of yet.
  const definition = known.get(error.code) ?? { code: error.code, status, message: error.message };
  return new OperationError(definition, error.details, retryAfter === undefined ? {} : { retryAfterSeconds: Number(retryAfter) });
}
