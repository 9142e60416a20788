import type { Database } from "#platform/database/database.ts";
import { EventLoopStall } from "#platform/event-loop-stall.ts";
import type { LogFollower } from "#platform/log/follower.ts";
import { parseAddress } from "#platform/network/address.ts";
import { type Headers, noHeaders, type Reply, type Request, type Rpc, type Serving } from "#platform/rpc/rpc.ts";
import { OutcomeUnknown, Unavailable } from "#platform/unavailable.ts";
import type { Catalogue } from "../declaration/catalogue.ts";
import { OperationError, RouteNotFound, ServiceCallRefused } from "../declaration/errors.ts";
import type { HttpHandler } from "../declaration/http-app.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import type { Principal } from "../declaration/principal.ts";
import type { Answer, Call } from "../kernel/dispatch.ts";
import { catchUp } from "../kernel/wait-for-revision.ts";
import { asOperationError } from "../transport/envelope.ts";
import { type Serializer, serializerOf } from "../transport/serializer.ts";
import type { Serve } from "../transport/serve.ts";
import { answerHttp } from "./http-apps.ts";
import { recordCall } from "./recorded-calls.ts";
import { httpAppSubject, subjectOf, subjectsOf } from "./subjects.ts";
import { deprecationHeaders, headersOf, readCall, type WireCall, writeError } from "./wire.ts";

export interface ResponderOptions {
  readonly rpc: Rpc;
  readonly catalogue: Catalogue;
  readonly serve: Serve;
  readonly log: LogFollower;
  readonly publicUrl: string;
  /** The HTTP applications that this process runs. They are served with the commands. */
  readonly apps?: readonly { readonly name: string; readonly handle: HttpHandler }[];
  /** Whether calls are accepted from services that use NATS directly. */
  readonly serviceCalls: "accept" | "refuse";
  /** Records the ids of commands, so that each runs once. */
  readonly database: Database;
  /** Called for each answer of status 500 and above, with the cause that the answer does not show. */
  readonly report: (error: unknown, request: { readonly traceId: string; readonly operation: string }) => void;
}

interface ServedOperation {
  readonly operation: Operation;
  readonly serialize: Serializer;
  /** Headers of each of its replies, errors too. */
  readonly deprecation: Headers;
}

/**
 * The RPC server: answers calls of `kind` from other processes as the HTTP server would. Services that use NATS directly may call it too.
 * Every call has its own credential, and is rate-limited by its address as over HTTP.
 */
export async function respond(kind: Operation["kind"], options: ResponderOptions): Promise<Serving> {
  const bySubject = new Map<string, ServedOperation>(
    options.catalogue.operations
      // Operations without a route are internal to the command line and the worker: no transport serves them.
      .filter((operation) => operation.kind === kind && operation.http !== undefined)
      .map((operation) => [
        subjectOf(operation),
        { operation, serialize: serializerOf(operation), deprecation: deprecationHeaders(operation, options.catalogue.byName) },
      ]),
  );
  const apps = new Map((kind === "command" ? (options.apps ?? []) : []).map((app) => [httpAppSubject(app.name), app]));
  const stall = new EventLoopStall();
  const serving = await options.rpc.serve(subjectsOf(kind), kind, (request) => {
    const received = { request, arrivedAt: stall.arrivedAt };
    const app = apps.get(request.subject);
    return app === undefined ? answerTo(bySubject.get(request.subject), received, options) : answerHttp(app, received, options);
  });
  return {
    async drain() {
      await serving.drain();
      stall.close();
    },
  };
}

interface Received {
  readonly request: Request;
  /** The earliest time at which it can have arrived. */
  readonly arrivedAt: number;
}

function answerTo(served: ServedOperation | undefined, received: Received, options: ResponderOptions): Reply | Promise<Reply> {
  const { subject, body } = received.request;
  let call: WireCall | undefined;
  const refuse = (error: unknown): Reply => {
    const known = asOperationError(error);
    const traceId = call?.origin?.traceId ?? crypto.randomUUID().replaceAll("-", "");
    if (known.definition.status >= 500) options.report(error, { traceId, operation: served?.operation.name ?? subject });
    const { body, headers } = writeError(known, traceId, options.publicUrl);
    return { body, headers: { ...headers, ...served?.deprecation } };
  };
  try {
    const { isAuthentic } = received.request;
    if (!isAuthentic && options.serviceCalls === "refuse") throw new OperationError(ServiceCallRefused);
    if (served === undefined) throw new OperationError(RouteNotFound);
    const sent = readCall(body);
    // Only processes of this installation may set the origin of a call: rate limits and the audit log use it.
    call = isAuthentic ? sent : withoutOrigin(sent);
    const answer = once(served, call, received, options);
    return answer instanceof Promise ? answer.then((given) => replyOf(served, given)).catch(refuse) : replyOf(served, answer);
  } catch (error) {
    return refuse(error);
  }
}

const withoutOrigin = ({ origin: _claimed, ...rest }: WireCall): WireCall => rest;

/** Runs a command once, however often its message arrives: a copy may arrive at another process than the first. */
function once(served: ServedOperation, call: WireCall, received: Received, options: ResponderOptions): Answer | Promise<Answer> {
  if (served.operation.kind !== "command" || call.id === undefined) return run(served, call, received, options);
  return recordCall(options.database, call.id).then((isFirst) => {
    if (!isFirst) throw new OutcomeUnknown("command", new Error("the call was taken before"));
    return run(served, call, received, options);
  });
}

function run(
  { operation }: ServedOperation,
  sent: WireCall,
  { request, arrivedAt }: Received,
  { serve, log }: ResponderOptions,
): Answer | Promise<Answer> {
  const origin = sent.origin === undefined ? unknownOrigin() : { ...sent.origin, ip: parseAddress(sent.origin.ip) };
  const perform = () =>
    serve({
      operation,
      credential: sent.credential,
      origin,
      call(principal) {
        const late = sent.timeoutMs !== undefined && performance.now() - arrivedAt > sent.timeoutMs;
        // The caller no longer waits for the answer, and may be retrying.
        if (late || !request.isAwaited()) throw new Unavailable("time", new Error("the call expired before it started"));
        return callOf(operation, sent, principal, origin);
      },
    });
  const { seen } = sent;
  if (seen === undefined) return perform();
  // Only for a revision that this process has observed: an invented revision must not keep queries from the replica.
  const performAfter = () => {
    if (log.hasSeen(seen)) log.include(seen);
    return perform();
  };
  return log.hasSeen(seen) ? performAfter() : catchUp(log).then(performAfter);
}

const callOf = (operation: Operation, sent: WireCall, principal: Principal, origin: Origin): Call => ({
  operation: operation.name,
  input: sent.input,
  principal,
  origin,
  idempotencyKey: operation.kind === "command" ? sent.idempotencyKey : undefined,
  ifMatch: operation.versioned ? versionsOf(sent.ifMatch) : undefined,
  traceparent: sent.traceparent,
});

const versionsOf = (sent: WireCall["ifMatch"]): readonly number[] | undefined => (typeof sent === "number" ? [sent] : sent);

/** The origin of a call without one. All calls without an address share one set of rate limits. */
function unknownOrigin(): Origin {
  const requestId = crypto.randomUUID();
  return { ip: null, userAgent: null, requestId, traceId: requestId.replaceAll("-", "") };
}

function replyOf({ serialize, deprecation }: ServedOperation, answer: Answer): Reply {
  const { output } = answer;
  const headers = deprecation === noHeaders ? headersOf(answer) : { ...headersOf(answer), ...deprecation };
  return { body: output === null ? empty : Buffer.from(serialize(output)), headers };
}

const empty = new Uint8Array();
