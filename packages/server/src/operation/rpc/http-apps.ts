import { randomUUID } from "node:crypto";
import { inject } from "light-my-request";
import type { Database } from "#platform/database/database.ts";
import { parseAddress } from "#platform/network/address.ts";
import { policies } from "#platform/resilience/policies.ts";
import { countedCalls } from "#platform/resilience/resilience.ts";
import type { Reply, Request, Rpc } from "#platform/rpc/rpc.ts";
import type { Metrics } from "#platform/telemetry/metrics.ts";
import { OutcomeUnknown, Unavailable } from "#platform/unavailable.ts";
import { OperationError, ServiceCallRefused } from "../declaration/errors.ts";
import type { HttpHandler } from "../declaration/http-app.ts";
import { asOperationError } from "../transport/envelope.ts";
import { endToEnd, type HttpAnswer, type HttpRequest } from "../transport/http-message.ts";
import { retryUntilServed } from "./client.ts";
import { type ReceivedRequest, readAnswer, readRequest, writeAnswer, writeRequest } from "./http-wire.ts";
import { recordCall } from "./recorded-calls.ts";
import { httpAppSubject } from "./subjects.ts";
import { isErrorReply, readError, writeError } from "./wire.ts";

/** Sends the requests of an HTTP application to a process with the role `command`, and returns its answers. */
export function forwardOverRpc(rpc: Rpc, name: string, metrics?: Pick<Metrics, "dependencyCalls">) {
  const { timeLimitMs: timeoutMs, retries } = policies["rpc.command"];
  const counted = metrics ? countedCalls("rpc.command", metrics) : <T>(work: () => Promise<T>) => work();
  const subject = httpAppSubject(name);
  return async (request: HttpRequest): Promise<HttpAnswer> => {
    const bytes = writeRequest({ ...request, id: randomUUID(), timeoutMs });
    const reply = await counted(() => retryUntilServed(retries, () => rpc.request(subject, bytes, { timeoutMs })));
    if (isErrorReply(reply.headers)) throw readError(reply.body, reply.headers);
    return readAnswer(reply.body);
  };
}

export interface HttpAppResponderOptions {
  /** Records the ids of requests that change something, so that each runs once. */
  readonly database: Database;
  readonly publicUrl: string;
  readonly report: (error: unknown, request: { readonly traceId: string; readonly operation: string }) => void;
}

/** Answers a request of another process with an HTTP application of this one. `arrivedAt` is the earliest time of its arrival. */
export async function answerHttp(
  app: { readonly name: string; readonly handle: HttpHandler },
  { request, arrivedAt }: { readonly request: Request; readonly arrivedAt: number },
  options: HttpAppResponderOptions,
): Promise<Reply> {
  let traceId: string = randomUUID().replaceAll("-", "");
  try {
    // Only a gateway may say which address a request came from.
    if (!request.isAuthentic) throw new OperationError(ServiceCallRefused);
    const received = readRequest(request.body);
    traceId = received.origin.traceId;
    await refuseCopies(received, options.database);
    const late = performance.now() - arrivedAt > received.timeoutMs;
    if (late || !request.isAwaited()) throw new Unavailable("time", new Error("the request expired before it started"));
    return writeAnswer(await run(app.handle, received));
  } catch (error) {
    const known = asOperationError(error);
    if (known.definition.status >= 500) options.report(error, { traceId, operation: app.name });
    return writeError(known, traceId, options.publicUrl);
  }
}

const safe = new Set(["GET", "HEAD", "OPTIONS"]);

/** A second copy of a message would redeem a code or a refresh token again, which ends the grant that the first has made. */
async function refuseCopies({ id, method }: ReceivedRequest, database: Database): Promise<void> {
  if (safe.has(method) || (await recordCall(database, id))) return;
  throw new OutcomeUnknown("command", new Error("the request was taken before"));
}

async function run(handle: HttpHandler, { method, url, headers, body, origin }: ReceivedRequest): Promise<HttpAnswer> {
  let failure: { readonly error: unknown } | undefined;
  const from = { ...origin, ip: parseAddress(origin.ip) };
  const answer = await inject(
    (request, response) => {
      handle(request as never, response as never, from).catch((error: unknown) => {
        failure = { error };
        response.end();
      });
    },
    { method: method as "GET", url, headers: headers as Record<string, string | string[]>, payload: Buffer.from(body) },
  );
  if (failure !== undefined) throw failure.error;
  return { status: answer.statusCode, headers: endToEnd(answer.headers), body: answer.rawPayload };
}
