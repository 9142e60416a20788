import type { Logger } from "pino";
import { type Catalogue, catalogue } from "#operation/declaration/catalogue.ts";
import { serveOverRpc } from "#operation/rpc/client.ts";
import type { Serve } from "#operation/transport/serve.ts";
import type { DevelopmentInbox } from "#platform/mail/inbox.ts";
import type { Rpc } from "#platform/rpc/rpc.ts";
import type { Metrics } from "#platform/telemetry/metrics.ts";
import type { Tracer } from "#platform/telemetry/tracing.ts";
import type { Configuration } from "./configuration.ts";
import { manifests } from "./modules.ts";
import { openRpc, openTelemetry } from "./ports.ts";
import { transportKeys } from "./transport-keys.ts";

/**
 * A gateway alone (decision 0022): every call is answered by the query and command processes. It
 * holds no data, and no key but that of messages between processes, so it can stand where others can reach it.
 */
export interface Gateway {
  readonly catalogue: Catalogue;
  readonly platform: { readonly logger: Logger; readonly metrics: Metrics; readonly tracer: Tracer; readonly rpc: Rpc };
  readonly serve: Serve;
  /** It has no database to keep mails in; a test gives it one. */
  readonly inbox: DevelopmentInbox | undefined;
  stop(): Promise<void>;
}

export async function openGateway(configuration: Configuration, overrides: { readonly logger?: Logger } = {}): Promise<Gateway> {
  const { tracer, logger, metrics } = await openTelemetry(configuration, overrides);
  const known = catalogue(manifests);
  const rpc = await openRpc(configuration, { logger, metrics, keys: transportKeys(configuration) });
  return {
    catalogue: known,
    platform: { logger, metrics, tracer, rpc },
    serve: serveOverRpc(rpc, known, { tracer, metrics, logger }),
    inbox: undefined,
    async stop() {
      await rpc.close();
      await tracer.close();
    },
  };
}
