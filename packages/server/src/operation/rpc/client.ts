import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { policies } from "#platform/resilience/policies.ts";
import type { Retries } from "#platform/resilience/policy.ts";
import { type Counted, countedCalls } from "#platform/resilience/resilience.ts";
import { NobodyServes } from "#platform/rpc/errors.ts";
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
 * Serves by asking the processes behind `rpc`. What it has seen of commands goes with each call, so that whoever writes
 * through this process and then reads through it finds what was written, whichever process answers.
 */
export function serveOverRpc(rpc: Rpc, catalogue: Catalogue, { tracer = noTracer, metrics, logger }: RpcInstrumentation = {}): Serve {
  const seen = new SeenRevisions();
  const counted: Readonly<Record<Operation["kind"], Counted>> = {
    query: metrics ? countedCalls("rpc.query", metrics) : (work) => work(),
    command: metrics ? countedCalls("rpc.command", metrics) : (work) => work(),
  };
  const ask = async (received: ReceivedCall): Promise<Answer> => {
    const { operation, credential } = received;
    const policy = policies[`rpc.${operation.kind}`];
    const call = received.call(anonymous);
    const body = writeCall({ ...call, traceparent: tracer.inject() ?? call.traceparent }, credential, {
      // The same for each try: where one was done although this process was told that nobody serves, the next is not.
      id: operation.kind === "command" ? randomUUID() : undefined,
      timeoutMs: policy.timeLimitMs,
      seen: seen.newest,
    });
    const reply = await counted[operation.kind](() =>
      untilServed(policy.retries, () => rpc.request(subjectOf(operation), body, { timeoutMs: policy.timeLimitMs })),
    ).catch((error: unknown) => {
      // Only the caller is concerned whether a query was answered.
      if (operation.kind === "query" && error instanceof OutcomeUnknown) throw new Unavailable(error.dependency, error, error.ending);
      throw error;
    });
    const answer = readReply(reply.body, reply.headers, catalogue.errors);
    if (answer.revision !== undefined && answer.appended) seen.add(answer.revision);
    return answer;
  };
  const measuredAsk = metrics === undefined ? ask : measured(ask, metrics, logger);
  if (!tracer.on) return measuredAsk;
  return (received) =>
    tracer.span(`rpc ${received.operation.name}`, { kind: "client", attributes: { "rpc.system": "nats" } }, () => measuredAsk(received));
}

/** What the asking side measures with. */
interface RpcInstrumentation {
  readonly tracer?: Tracer;
  readonly metrics?: Pick<Metrics, "rpcSeconds" | "dependencyCalls">;
  readonly logger?: Logger;
}

/** With the tries while nobody served: it is what the caller waited. A line of the log at `debug` says so; who answers writes the call's. */
function measured(ask: (received: ReceivedCall) => Promise<Answer>, { rpcSeconds }: Pick<Metrics, "rpcSeconds">, logger?: Logger) {
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
      const answer = await ask(received);
      ended("ok");
      return answer;
    } catch (error) {
      ended(error instanceof OperationError ? error.definition.code : "internal_error");
      throw error;
    }
  };
}

/** Asks again while nobody serves: then nothing has been done yet. */
async function untilServed<T>({ times, firstPauseMs, longestPauseMs }: Retries, ask: () => Promise<T>): Promise<T> {
  for (let retry = 0; ; retry += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof NobodyServes) || retry >= times) throw error;
      const pauseMs = Math.min(firstPauseMs * 2 ** retry, longestPauseMs);
      // Apart by chance, so that what was refused together does not come back together.
      await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
    }
  }
}
