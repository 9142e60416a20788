import type { HttpAppProcess, OpenHttpApp } from "#operation/declaration/http-app.ts";
import type { ModuleManifest } from "#operation/declaration/module.ts";
import type { ServedHttpApp } from "#operation/http/http-apps.ts";
import { forwardOverRpc } from "#operation/rpc/http-apps.ts";
import type { Rpc } from "#platform/rpc/rpc.ts";
import type { Metrics } from "#platform/telemetry/metrics.ts";

/** An HTTP application that this process runs. */
export type RunningHttpApp = OpenHttpApp & { readonly name: string; readonly routes: readonly string[] };

/** Opens the HTTP applications of the modules in this process. */
export const openHttpApps = (modules: readonly ModuleManifest[], processOf: (manifest: ModuleManifest) => HttpAppProcess) =>
  modules.flatMap((manifest): RunningHttpApp[] =>
    (manifest.httpApps ?? []).map(({ name, routes, open }) => ({ name, routes, ...open(processOf(manifest)) })),
  );

export const servedHere = (apps: readonly RunningHttpApp[]): readonly ServedHttpApp[] =>
  apps.map(({ name, routes, handle }) => ({ name, routes, run: { here: handle } }));

/** The HTTP applications of the modules, which processes with the role `command` run. */
export const servedElsewhere = (
  modules: readonly ModuleManifest[],
  { rpc, metrics }: { readonly rpc: Rpc; readonly metrics: Metrics },
): readonly ServedHttpApp[] =>
  modules.flatMap((manifest) =>
    (manifest.httpApps ?? []).map(({ name, routes }) => ({ name, routes, run: { elsewhere: forwardOverRpc(rpc, name, metrics) } })),
  );
