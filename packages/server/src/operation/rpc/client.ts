import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { policies } from "#platform/resilience/policies.ts";
import type { Retries } from "#platform/resilience/policy.ts";
import { type Counted, countedCalls } from "#platform/resilience/resilience.ts";
import { NoResponders } from "#platform/rpc/errors.ts";
import type { Rpc } from "#platform/rpc/rpc.ts";
import type { Metrics } from "#platform/telemetry/metrics.ts";
import { noTracer, type Tracer } from "#platform/telemetry/tracing.ts";
import { OutcomeUnknown, Unavailable } from "#platform/unavailable.ts";
import type { Catalogue } from "../declaration/catalogue.ts";
import { OperationError } from "../declaration/errors.ts";
import type { Operation } from "../declaration/operation.ts";
import { anonymous } from "../declaration/principal.ts";
import type { Answer } from "../kernel/dispatch.ts";
import type { ReceivedCall, Serve } from "../transport/serve.ts";
import { SeenRevisions } from "./seen-revisions.ts";
import { subjectOf } from "./subjects.ts";
import { readReply, writeCall } from "./wire.ts";

/**
 * Serves calls by RPC requests to other processes. Each call has the newest revision written through this process, so that a client reads
 * its own writes, whichever process answers.
 */
export function serveOverRpc(rpc: Rpc, catalogue: Catalogue, { tracer = noTracer, metrics, logger }: RpcInstrumentation = {}): Serve {
  const seen = new SeenRevisions();
  const counted: Readonly<Record<Operation["kind"], Counted>> = {
    query: metrics ? countedCalls("rpc.query", metrics) : (work) => work(),
    command: metrics ? countedCalls("rpc.command", metrics) : (work) => work(),
  };
  const request = async (received: ReceivedCall): Promise<Answer> => {
    const { operation, credential } = received;
    const policy = policies[`rpc.${operation.kind}`];
    const call = received.call(anonymous);
    const body = writeCall({ ...call, traceparent: tracer.inject() ?? call.traceparent }, credential, {
      // The same id for each attempt: an attempt that ran although it was reported as not served is not repeated.
      id: operation.kind === "command" ? randomUUID() : undefined,
      timeoutMs: policy.timeLimitMs,
      seen: seen.newest,
    });
    const reply = await counted[operation.kind](() =>
      retryUntilServed(policy.retries, () => rpc.request(subjectOf(operation), body, { timeoutMs: policy.timeLimitMs })),
    ).catch((error: unknown) => {
      // A query has no effects, so an unknown outcome is only an unavailability.
      if (operation.kind === "query" && error instanceof OutcomeUnknown) throw new Unavailable(error.dependency, error, error.reason);
      throw error;
    });
    const answer = readReply(reply.body, reply.headers, catalogue.errors);
    if (answer.revision !== undefined && answer.appended) seen.add(answer.revision);
    return answer;
  };
  const send = metrics === undefined ? request : measured(request, metrics, logger);
  if (!tracer.on) return send;
  return (received) =>
    tracer.span(`rpc ${received.operation.name}`, { kind: "client", attributes: { "rpc.system": "nats" } }, () => send(received));
}

/** The instrumentation of the client side. */
interface RpcInstrumentation {
  readonly tracer?: Tracer;
  readonly metrics?: Pick<Metrics, "rpcSeconds" | "dependencyCalls">;
  readonly logger?: Logger;
}

/** Measures the whole time that the caller waited, retries included. Logs at `debug`: the answering process logs the call. */
function measured(request: (received: ReceivedCall) => Promise<Answer>, { rpcSeconds }: Pick<Metrics, "rpcSeconds">, logger?: Logger) {
  return async (received: ReceivedCall): Promise<Answer> => {
    const began = performance.now();
    const { name } = received.operation;
    const ended = (outcome: string): void => {
      const milliseconds = performance.now() - began;
      rpcSeconds.observe(name, outcome, milliseconds / 1_000);
      if (!logger?.isLevelEnabled("debug")) return;
      const { traceId } = received.call(anonymous).origin;
      logger.debug({ traceId, operation: name, outcome, durationMs: Math.round(milliseconds * 10) / 10 }, `rpc ${name}: ${outcome}`);
    };
    try {
      const answer = await request(received);
      ended("ok");
      return answer;
    } catch (error) {
      ended(error instanceof OperationError ? error.definition.code : "internal_error");
      throw error;
    }
  };
}

/** Retries while no process serves the subject: the call has not started then. */
export async function retryUntilServed<T>({ times, firstPauseMs, longestPauseMs }: Retries, request: () => Promise<T>): Promise<T> {
  for (let retry = 0; ; retry += 1) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof NoResponders) || retry >= times) throw error;
      const pauseMs = Math.min(firstPauseMs * 2 ** retry, longestPauseMs);
      // Jitter, so that calls that failed together do not retry together.
      await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
    }
  }
}
