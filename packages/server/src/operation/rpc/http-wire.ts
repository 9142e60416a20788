import { Compile } from "typebox/compile";
import type { Reply } from "#platform/rpc/rpc.ts";
import { noHeaders } from "#platform/rpc/rpc.ts";
import { httpAppBodyBytesMax } from "../declaration/http-app.ts";
import { type Static, Type } from "../declaration/schema.ts";
import type { HttpAnswer, HttpRequest } from "../transport/http-message.ts";

const Headers = Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String())]));
/** Base64 has four characters for three bytes. */
const bodyLengthMax = Math.ceil(httpAppBodyBytesMax / 3) * 4;

/** An HTTP request between two processes of the installation, as JSON. */
const WireRequest = Type.Object({
  /** The same for each attempt: a request that changes something runs once for each id. */
  id: Type.String({ pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" }),
  method: Type.String({ pattern: "^[A-Z]{1,10}$" }),
  url: Type.String({ maxLength: 32_768 }),
  headers: Headers,
  body: Type.String({ maxLength: bodyLengthMax }),
  origin: Type.Object({
    ip: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
    userAgent: Type.Union([Type.String({ maxLength: 500 }), Type.Null()]),
    requestId: Type.String({ maxLength: 1_024 }),
    traceId: Type.String({ maxLength: 128 }),
  }),
  timeoutMs: Type.Integer({ minimum: 1, maximum: 60_000 }),
});

const WireAnswer = Type.Object({ status: Type.Integer({ minimum: 200, maximum: 599 }), headers: Headers, body: Type.String() });

const [request, answer] = [Compile(WireRequest), Compile(WireAnswer)];

export interface ReceivedRequest extends HttpRequest {
  readonly id: string;
  /** The time that the caller waits, in milliseconds. */
  readonly timeoutMs: number;
}

export const writeRequest = (sent: ReceivedRequest): Buffer => Buffer.from(JSON.stringify({ ...sent, body: base64(sent.body) }));

/** Throws where the bytes are no request. Only a process of the installation sends them, so that is a bug or another release. */
export function readRequest(bytes: Uint8Array): ReceivedRequest {
  const read = parsed(bytes);
  if (!request.Check(read)) throw new Error("not an HTTP request between processes");
  return { ...(read as Static<typeof WireRequest>), body: Buffer.from((read as Static<typeof WireRequest>).body, "base64") };
}

export const writeAnswer = (given: HttpAnswer): Reply => ({
  body: Buffer.from(JSON.stringify({ ...given, body: base64(given.body) })),
  headers: noHeaders,
});

export function readAnswer(bytes: Uint8Array): HttpAnswer {
  const read = parsed(bytes);
  if (!answer.Check(read)) throw new Error("not an HTTP answer between processes");
  return { ...(read as Static<typeof WireAnswer>), body: Buffer.from((read as Static<typeof WireAnswer>).body, "base64") };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

const parsed = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
