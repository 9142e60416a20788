import { hostname } from "node:os";
import { type DestinationStream, type Logger, pino } from "pino";
import { masked, maskText } from "./masking.ts";
import type { SpanIds } from "./tracing.ts";

export interface LoggerOptions {
  readonly level: string;
  readonly version: string;
  readonly environment: string;
  /** The roles of the process, as the configuration names them. */
  readonly roles?: string;
  /** The current span; its trace is that of the line, and overrides any other. */
  readonly trace?: () => SpanIds | undefined;
  readonly destination?: DestinationStream;
}

/** Top-level fields; all others go into `context`. */
const topLevel = new Set(["module", "traceId", "spanId", "err"]);

/**
 * Structured logs, one JSON object a line:
 * `{ timestamp, level, module, traceId, message, context, metadata: { service, version, environment, roles, host, process } }`.
 * Each key occurs once. Secrets and e-mail addresses are masked in every field and in the message. The fields of a child logger are
 * fields of each of its lines; a line's own field of the same name replaces them.
 */
export function createLogger(options: LoggerOptions): Logger {
  const metadata = {
    service: "iam",
    version: options.version,
    environment: options.environment,
    ...(options.roles === undefined ? {} : { roles: options.roles }),
    host: hostname(),
    process: process.pid,
  };
  const logger = pino(
    {
      level: options.level,
      messageKey: "message",
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      base: null,
      formatters: {
        level: (label) => ({ level: label.toUpperCase() }),
        log: (fields) => arranged(fields),
      },
      hooks: {
        logMethod(args, method) {
          method.apply(this, withoutSecrets(args as unknown[]) as Parameters<typeof method>);
        },
      },
      mixin: (_fields, _level, logger) => ({ module: "background", ...fieldsOf(logger as Logger) }),
      mixinMergeStrategy: (fields, mixin) => ({ ...mixin, ...fields, ...idsOf(options.trace?.()), metadata }),
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );
  return withFieldsOfChildren(logger);
}

const idsOf = (span: SpanIds | undefined) => (span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId });

const childFields = Symbol("fields of a child logger");
type Parent = Logger & { readonly [childFields]?: Readonly<Record<string, unknown>> };

const fieldsOf = (logger: Logger): Readonly<Record<string, unknown>> => (logger as Parent)[childFields] ?? {};

/**
 * Stores the fields of a child on the logger instead of as pino's bindings: bindings are written unmasked, and a line's own
 * field of the same name would be a duplicate key. Children inherit this behaviour.
 */
function withFieldsOfChildren(logger: Logger): Logger {
  const { child } = logger;
  return Object.assign(logger, {
    child(this: Logger, fields: Record<string, unknown>, options?: object) {
      return Object.assign(child.call(this, {}, options as never), { [childFields]: { ...fieldsOf(this), ...fields } });
    },
  });
}

/** The arguments of a log method, masked: the message, its parameters, and an error's message if it is used as the message. */
function withoutSecrets(args: readonly unknown[]): unknown[] {
  const [first, ...rest] = args;
  if (typeof first === "string") return [maskText(first), ...rest.map(masked)];
  const error = first instanceof Error ? first : (first as { readonly err?: unknown } | null | undefined)?.err;
  const [message = error instanceof Error ? error.message : undefined, ...values] = rest;
  return message === undefined ? [first] : [first, masked(message), ...values.map(masked)];
}

function arranged(fields: Record<string, unknown>): Record<string, unknown> {
  const { metadata, ...given } = fields;
  const top: Record<string, unknown> = {};
  const context: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (topLevel.has(name)) top[name === "err" ? "error" : name] = masked(value);
    else Object.assign(context, masked({ [name]: value }));
  }
  return { ...top, ...(Object.keys(context).length > 0 ? { context } : {}), metadata };
}
