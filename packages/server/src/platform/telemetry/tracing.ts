/**
 * The tracing port. One trace follows a request through HTTP server, operation, database, log, consumers and jobs, by
 * the `traceparent` of W3C Trace Context. Spans contain no caller input: names and
 * attributes are constants, ids and codes, so that no span contains a secret or an address.
 */
export interface Tracer {
  /** False if no receiver is configured. Decorators then return their argument, so that tracing costs nothing. */
  readonly on: boolean;
  /**
   * Runs `work` in a span that ends with it, below the current span, or below `options.parent` if that is given.
   * A rejection marks the span as failed and is passed to the caller.
   */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => T): T;
  /** The current span as a `traceparent` for another process; undefined outside of a span. */
  inject(): string | undefined;
  /** The current span's ids, for the log; undefined outside of a span. */
  readonly current: SpanIds | undefined;
  /** Sends the remaining spans. */
  close(): Promise<void>;
}

export interface SpanOptions {
  /** OpenTelemetry's SpanKind. */
  readonly kind?: "internal" | "server" | "client" | "producer" | "consumer";
  readonly attributes?: Attributes;
  /** A `traceparent` from outside of this process. An invalid one begins a new trace. */
  readonly parent?: string | null | undefined;
  /** Spans of other traces to which the work also belongs: each of these traces gets a span of the same duration. */
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
  /** Marks the span as failed with a stable code, never with a message, because a message may contain caller input. */
  fail(code: string): void;
}

const noSpan: Span = { traceId: "", spanId: "", traceparent: "", set: () => {}, fail: () => {} };

/** A tracer without a receiver. */
export const noTracer: Tracer = {
  on: false,
  span: (_name, _options, work) => work(noSpan),
  inject: () => undefined,
  current: undefined,
  close: async () => {},
};

/** Later versions may append fields (3.3.1); version ff is invalid. */
const form = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:$|-)/;
const nothing = /^0+$/;

/** Parses a `traceparent` (W3C Trace Context, 3.2); undefined if it is invalid. */
export function extract(traceparent: string | null | undefined): (SpanIds & { readonly flags: number }) | undefined {
  const [, traceId, spanId, flags] = form.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || nothing.test(traceId) || nothing.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags as string, 16) };
}
