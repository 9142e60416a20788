import type { Origin } from "../declaration/origin.ts";

/** A complete HTTP request to an application of a module. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query, as the client sent them. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array;
  readonly origin: Origin;
}

/** A complete HTTP answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array;
}

/** Headers that concern one connection (RFC 9110 §7.6.1), and the length, which the receiver determines. */
const ofConnection = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The headers that are sent on: all except those of the connection. */
export function endToEnd(headers: Readonly<Record<string, string | readonly string[] | number | undefined>>): HttpRequest["headers"] {
  const named = String(headers["connection"] ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  const sent = Object.entries(headers).filter(([name, value]) => value !== undefined && !ofConnection.has(name) && !named.includes(name));
  return Object.fromEntries(sent.map(([name, value]) => [name, typeof value === "number" ? String(value) : (value as string)]));
}
