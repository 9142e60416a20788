import type { Database } from "#platform/database/database.ts";
import { EventLoopStall } from "#platform/event-loop-stall.ts";
import type { LogFollower } from "#platform/log/follower.ts";
import { parseAddress } from "#platform/network/address.ts";
import { type Headers, noHeaders, type Reply, type Request, type Rpc, type Serving } from "#platform/rpc/rpc.ts";
import { OutcomeUnknown, Unavailable } from "#platform/unavailable.ts";
import type { Catalogue } from "../declaration/catalogue.ts";
import { OperationError, RouteNotFound, ServiceCallRefused } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import type { Origin } from "../declaration/origin.ts";
import type { Principal } from "../declaration/principal.ts";
import type { Answer, Call } from "../kernel/dispatch.ts";
import { catchUp } from "../kernel/wait-for-revision.ts";
import { asOperationError } from "../transport/envelope.ts";
import { type Serializer, serializerOf } from "../transport/serializer.ts";
import type { Serve } from "../transport/serve.ts";
import { subjectOf, subjectsOf } from "./subjects.ts";
import { takeCall } from "./taken-calls.ts";
import { headersOf, noticeHeaders, readCall, type WireCall, writeError } from "./wire.ts";

export interface ResponderOptions {
  readonly rpc: Rpc;
  readonly catalogue: Catalogue;
  readonly serve: Serve;
  readonly log: LogFollower;
  readonly publicUrl: string;
  /** Whether calls are taken from services that speak NATS themselves. */
  readonly serviceCalls: "accept" | "refuse";
  /** Where commands are taken, each of them once. */
  readonly database: Database;
  /** Told of each answer of status 500 and above, with the cause that the answer does not show. */
  readonly report: (error: unknown, request: { readonly traceId: string; readonly operation: string }) => void;
}

interface Served {
  readonly operation: Operation;
  readonly serialize: Serializer;
  /** What each of its replies has, an error's too. */
  readonly notice: Headers;
}

/**
 * The door for other processes: answers calls of `kind` that come over rpc, as the HTTP server would. Services that speak NATS
 * themselves may call it too; every call brings a credential of its own, and is limited by its address as over HTTP.
 */
export async function respond(kind: Operation["kind"], options: ResponderOptions): Promise<Serving> {
  const bySubject = new Map<string, Served>(
    options.catalogue.operations
      // What has no route is the command line's and the worker's own: no door leads to it.
      .filter((operation) => operation.kind === kind && operation.http !== undefined)
      .map((operation) => [
        subjectOf(operation),
        { operation, serialize: serializerOf(operation), notice: noticeHeaders(operation, options.catalogue.byName) },
      ]),
  );
  const stall = new EventLoopStall();
  const serving = await options.rpc.serve(subjectsOf(kind), kind, (request) =>
    answerTo(bySubject.get(request.subject), { request, arrivedAt: stall.arrivedAt }, options),
  );
  return {
    async drain() {
      await serving.drain();
      stall.close();
    },
  };
}

interface Received {
  readonly request: Request;
  /** The earliest moment at which it can have come. */
  readonly arrivedAt: number;
}

function answerTo(served: Served | undefined, received: Received, options: ResponderOptions): Reply | Promise<Reply> {
  const { subject, body } = received.request;
  let call: WireCall | undefined;
  const refuse = (error: unknown): Reply => {
    const known = asOperationError(error);
    const traceId = call?.origin?.traceId ?? crypto.randomUUID().replaceAll("-", "");
    if (known.definition.status >= 500) options.report(error, { traceId, operation: served?.operation.name ?? subject });
    const { body, headers } = writeError(known, traceId, options.publicUrl);
    return { body, headers: { ...headers, ...served?.notice } };
  };
  try {
    const { isAuthentic } = received.request;
    if (!isAuthentic && options.serviceCalls === "refuse") throw new OperationError(ServiceCallRefused);
    if (served === undefined) throw new OperationError(RouteNotFound);
    const sent = readCall(body);
    // Whoever is not one of our processes may not say where a call comes from: limits are counted by that, and the audit log has it.
    call = isAuthentic ? sent : withoutOrigin(sent);
    const answer = once(served, call, received, options);
    return answer instanceof Promise ? answer.then((given) => replyOf(served, given)).catch(refuse) : replyOf(served, answer);
  } catch (error) {
    return refuse(error);
  }
}

const withoutOrigin = ({ origin: _claimed, ...rest }: WireCall): WireCall => rest;

/** A command is begun once, however often its message comes: a copy of it may reach another process than the first did. */
function once(served: Served, call: WireCall, received: Received, options: ResponderOptions): Answer | Promise<Answer> {
  if (served.operation.kind !== "command" || call.id === undefined) return run(served, call, received, options);
  return takeCall(options.database, call.id).then((isFirst) => {
    if (!isFirst) throw new OutcomeUnknown("command", new Error("the call was taken before"));
    return run(served, call, received, options);
  });
}

function run(
  { operation }: Served,
  sent: WireCall,
  { request, arrivedAt }: Received,
  { serve, log }: ResponderOptions,
): Answer | Promise<Answer> {
  const origin = sent.origin === undefined ? strangeOrigin() : { ...sent.origin, ip: parseAddress(sent.origin.ip) };
  const perform = () =>
    serve({
      operation,
      credential: sent.credential,
      origin,
      call(principal) {
        const late = sent.timeoutMs !== undefined && performance.now() - arrivedAt > sent.timeoutMs;
        // Nobody waits for the answer any more, and whoever asked may be asking again.
        if (late || !request.isAwaited()) throw new Unavailable("time", new Error("the call was not begun before its time was over"));
        return callOf(operation, sent, principal, origin);
      },
    });
  const { seen } = sent;
  if (seen === undefined) return perform();
  // Only what this process has seen: a revision that a caller makes up keeps no query from the replica.
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

/** Of a call that says nothing of where it comes from. All calls without an address share one set of limits. */
function strangeOrigin(): Origin {
  const requestId = crypto.randomUUID();
  return { ip: null, userAgent: null, requestId, traceId: requestId.replaceAll("-", "") };
}

function replyOf({ serialize, notice }: Served, answer: Answer): Reply {
  const { output } = answer;
  const headers = notice === noHeaders ? headersOf(answer) : { ...headersOf(answer), ...notice };
  return { body: output === null ? empty : Buffer.from(serialize(output)), headers };
}

const empty = new Uint8Array();
