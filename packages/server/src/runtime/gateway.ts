import type { Logger } from "pino";
import { type Catalogue, catalogue } from "#operation/declaration/catalogue.ts";
import type { ServedHttpApp } from "#operation/http/http-apps.ts";
import { serveOverRpc } from "#operation/rpc/client.ts";
import type { Serve } from "#operation/transport/serve.ts";
import type { DevelopmentInbox } from "#platform/mail/inbox.ts";
import type { Rpc } from "#platform/rpc/rpc.ts";
import type { Metrics } from "#platform/telemetry/metrics.ts";
import type { Tracer } from "#platform/telemetry/tracing.ts";
import type { Configuration } from "./configuration.ts";
import { servedElsewhere } from "./http-apps.ts";
import { manifests } from "./modules.ts";
import { type Overrides, openRpc, openTelemetry } from "./ports.ts";
import { transportKeys } from "./transport-keys.ts";

/**
 * A process with only the gateway role (decision 0022): query and command processes serve every call. It has no data, and no key
 * except that of messages between processes, so it can run in an exposed network.
 */
export interface Gateway {
  readonly catalogue: Catalogue;
  readonly platform: { readonly logger: Logger; readonly metrics: Metrics; readonly tracer: Tracer; readonly rpc: Rpc };
  readonly serve: Serve;
  readonly httpApps: readonly ServedHttpApp[];
  /** Undefined outside tests: a gateway has no database to store mails in. */
  readonly inbox: DevelopmentInbox | undefined;
  stop(): Promise<void>;
}

export async function openGateway(configuration: Configuration, overrides: Pick<Overrides, "logger" | "modules"> = {}): Promise<Gateway> {
  const modules = [...manifests, ...(overrides.modules ?? [])];
  const { tracer, logger, metrics } = await openTelemetry(configuration, overrides);
  const known = catalogue(modules);
  const rpc = await openRpc(configuration, { logger, metrics, keys: transportKeys(configuration) });
  return {
    catalogue: known,
    platform: { logger, metrics, tracer, rpc },
    serve: serveOverRpc(rpc, known, { tracer, metrics, logger }),
    httpApps: servedElsewhere(modules, { rpc, metrics }),
    inbox: undefined,
    async stop() {
      await rpc.close();
      await tracer.close();
    },
  };
}
