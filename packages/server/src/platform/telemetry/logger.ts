import { type DestinationStream, type Logger, pino } from "pino";
import { masked, maskText } from "./masking.ts";

export interface LoggerOptions {
  readonly level: string;
  readonly version: string;
  readonly environment: string;
  readonly destination?: DestinationStream;
}

/** Fields that stand beside the message; everything else goes into `context` (S3 §16.2). */
const topLevel = new Set(["module", "traceId", "spanId", "err"]);

/**
 * Structured logs in the format of S3 §16.2:
 * `{ timestamp, level, module, traceId, message, context, metadata: { service, version, environment } }`.
 * Secrets and e-mail addresses are masked in every field and in the message.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
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
          const last = args.length - 1;
          const values = args as unknown[];
          if (typeof values[last] === "string") values[last] = maskText(values[last] as string);
          method.apply(this, args);
        },
      },
      mixin: () => ({ metadata: { service: "iam", version: options.version, environment: options.environment } }),
      mixinMergeStrategy: (fields, mixin) => Object.assign({}, fields, mixin),
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );
}

function arranged(fields: Record<string, unknown>): Record<string, unknown> {
  const { metadata, ...given } = fields;
  const beside: Record<string, unknown> = {};
  const context: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (topLevel.has(name)) beside[name === "err" ? "error" : name] = masked(value);
    else Object.assign(context, masked({ [name]: value }));
  }
  return { module: "background", ...beside, ...(Object.keys(context).length > 0 ? { context } : {}), metadata };
}
