/**
 * The tracing port. One trace follows a request through door, operation, database, log, consumers and jobs, by
 * the `traceparent` of W3C Trace Context. What stands in a span is never taken from a caller's input: names and
 * attributes are ours, ids and codes, so that no span carries a secret or an address.
 */
export interface Tracer {
  /** False where nobody receives traces. Decorators then hand back what they were given, so that it costs nothing. */
  readonly on: boolean;
  /**
   * Does `work` in a span that ends with it. Below the present span, or below `options.parent` where that is given.
   * A rejection marks the span as failed and goes on to the caller.
   */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => T): T;
  /** The present span as a `traceparent`, to be carried to another process; undefined outside of any. */
  inject(): string | undefined;
  /** The present span's ids, for the log; undefined outside of any. */
  readonly current: SpanIds | undefined;
  /** Sends what has not been sent yet. */
  close(): Promise<void>;
}

export interface SpanOptions {
  /** How the span stands to the network (OpenTelemetry's SpanKind). */
  readonly kind?: "internal" | "server" | "client" | "producer" | "consumer";
  readonly attributes?: Attributes;
  /** The `traceparent` that came from outside of this process. One that is none begins a trace of its own. */
  readonly parent?: string | null | undefined;
  /** Spans of other traces that the work is for, too: each of those traces gets a span of the same length. */
  readonly also?: readonly string[];
}

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

export interface Span extends SpanIds {
  readonly traceparent: string;
  set(attributes: Attributes): void;
  /** Marks the span as failed with a stable code, never with a message: a message can hold what was sent. */
  fail(code: string): void;
}

const noSpan: Span = { traceId: "", spanId: "", traceparent: "", set: () => {}, fail: () => {} };

/** Traces that nobody receives. */
export const noTracer: Tracer = {
  on: false,
  span: (_name, _options, work) => work(noSpan),
  inject: () => undefined,
  current: undefined,
  close: async () => {},
};

/** Later versions may add parts behind these (§3.3.1); version ff is none. */
const form = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:$|-)/;
const nothing = /^0+$/;

/** The parts of a `traceparent` (W3C Trace Context §3.2), or undefined where it is none. */
export function extract(traceparent: string | null | undefined): (SpanIds & { readonly flags: number }) | undefined {
  const [, traceId, spanId, flags] = form.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || nothing.test(traceId) || nothing.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags as string, 16) };
}
