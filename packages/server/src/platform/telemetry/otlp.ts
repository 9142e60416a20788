import { AsyncLocalStorage } from "node:async_hooks";
import { type Context, type Span as OtelSpan, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { policies } from "../resilience/policies.ts";
import type { Metrics } from "./metrics.ts";
import { extract, type Span, type SpanOptions, type Tracer } from "./tracing.ts";

export interface OtlpOptions {
  /** The receiver's address; traces go to `/v1/traces` below it (OTLP 1.0 §OTLP/HTTP Request). */
  readonly endpoint: string;
  /** The sampling ratio of traces that begin here, 0 to 1; other traces follow their parent's decision. */
  readonly ratio: number;
  readonly version: string;
  readonly environment: string;
  readonly metrics?: Pick<Metrics, "dependencyCalls">;
}

/** A short delay, so that traces are visible soon, but still sent in batches. */
const sendEveryMs = 1_000;
const { timeLimitMs: sendTimeoutMs } = policies["otlp.export"];
/** Attributes are ids, codes or routes; a longer value is a bug and is truncated. */
const valueCharactersMax = 256;

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Traces by OpenTelemetry's SDK, sent over OTLP/HTTP. Loaded only if an endpoint is configured. */
export function otlpTracer(options: OtlpOptions): Tracer {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      "service.name": "iam",
      "service.namespace": "gatehouse",
      "service.version": options.version,
      "deployment.environment.name": options.environment,
      "process.pid": process.pid,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.ratio) }),
    spanLimits: { attributeValueLengthLimit: valueCharactersMax },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: counted(
          new OTLPTraceExporter({ url: `${options.endpoint.replace(/\/$/, "")}/v1/traces`, timeoutMillis: sendTimeoutMs }),
          options.metrics,
        ),
        scheduledDelayMillis: sendEveryMs,
      }),
    ],
  });
  const spans = provider.getTracer("gatehouse", options.version);
  // A separate storage instead of OpenTelemetry's global one isolates two servers in one process (tests).
  const storage = new AsyncLocalStorage<Context>();
  const present = (): OtelSpan | undefined => trace.getSpan(storage.getStore() ?? ROOT_CONTEXT);
  const begin = (name: string, { kind = "internal", attributes = {} }: SpanOptions, below: Context): OtelSpan =>
    spans.startSpan(name, { kind: kinds[kind], attributes }, below);

  return {
    on: true,
    span<T>(name: string, given: SpanOptions, work: (span: Span) => T): T {
      const below = "parent" in given ? remote(given.parent) : (storage.getStore() ?? ROOT_CONTEXT);
      const own = new OwnSpan([
        begin(name, given, below),
        ...(given.also ?? []).flatMap((other) => (extract(other) ? [begin(name, given, remote(other))] : [])),
      ]);
      return storage.run(trace.setSpan(below, own.first), () => finished(own, () => work(own)));
    },
    inject: () => traceparentOf(present()),
    get current() {
      return present()?.spanContext();
    },
    close: () => provider.shutdown().catch(() => {}),
  };
}

/** An exporter whose batches are counted. */
function counted(exporter: SpanExporter, metrics: OtlpOptions["metrics"]): SpanExporter {
  if (metrics === undefined) return exporter;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        metrics.dependencyCalls.inc({ dependency: "otlp.export", outcome: result.error === undefined ? "ok" : "failed" });
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush ? { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() } : {}),
  };
}

/** Ends the span with the work, which is synchronous or returns a promise. */
function finished<T>(span: OwnSpan, work: () => T): T {
  let result: T;
  try {
    result = work();
  } catch (error) {
    span.endWith(error);
    throw error;
  }
  if (!(result instanceof Promise)) {
    span.end();
    return result;
  }
  return result.then(
    (value) => {
      span.end();
      return value;
    },
    (error) => {
      span.endWith(error);
      throw error;
    },
  ) as T;
}

/** The parent context of a span that continues another process's trace. */
function remote(traceparent: string | null | undefined): Context {
  const ids = extract(traceparent);
  if (ids === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, flags: traceFlags } = ids;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function traceparentOf(span: OtelSpan | undefined): string | undefined {
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, "0")}`;
}

/** One span, or one per trace if the work belongs to several traces. */
class OwnSpan implements Span {
  readonly #spans: readonly OtelSpan[];
  #failed = false;

  constructor(spans: readonly OtelSpan[]) {
    this.#spans = spans;
  }
  get first(): OtelSpan {
    return this.#spans[0] as OtelSpan;
  }
  get traceId(): string {
    return this.first.spanContext().traceId;
  }
  get spanId(): string {
    return this.first.spanContext().spanId;
  }
  get traceparent(): string {
    return traceparentOf(this.first) as string;
  }
  set(attributes: Parameters<Span["set"]>[0]): void {
    for (const span of this.#spans) span.setAttributes(attributes);
  }
  fail(code: string): void {
    this.#failed = true;
    for (const span of this.#spans) span.setAttribute("error.type", code).setStatus({ code: SpanStatusCode.ERROR, message: code });
  }
  /** Ends the span with a thrown error. Records only its name, unless a code was set. */
  endWith(error: unknown): void {
    if (!this.#failed) this.fail(error instanceof Error ? error.name : "unknown");
    this.end();
  }
  end(): void {
    for (const span of this.#spans) span.end();
  }
}
