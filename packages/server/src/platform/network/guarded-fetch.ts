import { lookup as resolve } from "node:dns/promises";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { isLoopbackAddress } from "./address-ranges.ts";

/** Why an outgoing request was refused. The text names no address: it may be shown to the tenant who gave the URL. */
export class AddressRefusedError extends Error {
  constructor() {
    super("the address is not allowed");
    this.name = "AddressRefusedError";
  }
}

export class ResponseTooLargeError extends Error {
  constructor() {
    super("the answer is too large");
    this.name = "ResponseTooLargeError";
  }
}

export interface GuardedFetchOptions {
  readonly timeLimitMs: number;
  readonly bodyBytesMax: number;
  /** Also allows HTTP to loopback addresses: for development on one machine. */
  readonly allowLoopback: boolean;
}

export interface GuardedRequest {
  readonly method?: string;
  readonly headers?: Headers | Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  readonly signal?: AbortSignal;
}

export type GuardedFetch = (url: string, request?: GuardedRequest) => Promise<Response>;

/**
 * Fetches URLs that tenants give: HTTPS to public addresses only. Every address that a name resolves to is checked, and the connection is made
 * to the checked one, so a name that changes in between gains nothing. No redirect is followed, no connection is reused. Throws
 * {@link AddressRefusedError}, {@link ResponseTooLargeError}, a TimeoutError, and the errors of the connection.
 */
export function guardedFetch({ timeLimitMs, bodyBytesMax, allowLoopback }: GuardedFetchOptions): GuardedFetch {
  const isAllowed = (address: string): boolean => isPublic(address) || (allowLoopback && isLoopbackAddress(address));
  return async (text, { method = "GET", headers = {}, body, signal } = {}) => {
    const url = URL.parse(text);
    if (url === null) throw new AddressRefusedError();
    const isLocal = allowLoopback && url.protocol === "http:";
    const isAccepted = isLocal ? isLoopbackAddress : isAllowed;
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    // A literal address reaches no lookup. The URL parser has normalized its odd forms: 2130706433, 0x7f.1, 127.1.
    if (isIP(host) !== 0 && !isAccepted(host)) throw new AddressRefusedError();
    if (!isLocal && !isWebPort(url.port)) throw new AddressRefusedError();
    if ((url.protocol !== "https:" && !isLocal) || url.username !== "" || url.password !== "") throw new AddressRefusedError();
    const limit = AbortSignal.timeout(timeLimitMs);
    const response = await new Promise<IncomingMessage>((settle, fail) => {
      const send = url.protocol === "https:" ? requestHttps : requestHttp;
      const sent = send(url, {
        method,
        agent: false,
        headers: Object.fromEntries(new Headers(headers as Record<string, string>)),
        lookup: checkedLookup(isAccepted),
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
      sent.on("response", settle);
      sent.on("error", (error) => fail(limit.aborted ? limit.reason : error));
      sent.end(body?.toString());
    });
    return answerOf(response, bodyBytesMax);
  };
}

/** Ports below 1024 belong to other services, such as mail. The port of HTTPS is the empty text. */
const isWebPort = (port: string): boolean => port === "" || Number(port) >= 1_024;

/** Resolves a name, and hands over its first address only where every one of them is allowed. */
const checkedLookup =
  (isAllowed: (address: string) => boolean): LookupFunction =>
  (name, options, done) => {
    resolve(name, { all: true, ...(options.family === undefined ? {} : { family: options.family }) }).then(
      (found) => {
        const [first] = found;
        if (first === undefined || !found.every(({ address }) => isAllowed(address))) return done(new AddressRefusedError(), "", 0);
        if (options.all) return done(null, [first] as never, 0);
        done(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => done(error, "", 0),
    );
  };

/** Global unicast: not loopback, private, link-local, carrier-grade NAT, documentation, multicast, or IPv4 in any IPv6 form of these. */
function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  // Of IPv6 only 2000::/3 is global unicast; the library takes deprecated forms such as ::127.0.0.1 for unicast, too.
  if (parsed instanceof ipaddr.IPv6 && ((parsed.parts[0] as number) & 0xe000) !== 0x2000) return false;
  return parsed.range() === "unicast";
}

/** Statuses that have no content (Fetch, "null body status"). */
const withoutContent = new Set([101, 204, 205, 304]);

async function answerOf(message: IncomingMessage, bodyBytesMax: number): Promise<Response> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > bodyBytesMax) {
      message.destroy();
      throw new ResponseTooLargeError();
    }
    chunks.push(chunk);
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headersDistinct)) for (const one of value ?? []) headers.append(name, one);
  const status = message.statusCode as number;
  return new Response(withoutContent.has(status) ? null : Buffer.concat(chunks), { status, headers });
}
