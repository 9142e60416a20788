import { decisionReasons } from "#modules/authorization/decisions/index.ts";
import type { Catalogue } from "#operation/declaration/catalogue.ts";
import type { Platform } from "#platform/platform.ts";
import { initializeUntrustedCounters } from "./trust.ts";

/**
 * Exports the counters with a closed set of labels as 0 before their first increment. A series that starts at 1 shows no increase,
 * so an alert on the increase would not fire.
 */
export function initializeCounters({ metrics, settings }: Platform, catalogue: Catalogue): void {
  for (const { type } of catalogue.events) metrics.eventsAppended.inc({ type }, 0);
  for (const found of ["memory", "cache", "database", "computed", "missing"]) metrics.projectionLookups.inc({ found }, 0);
  for (const why of ["flood", "storage"]) metrics.auditEntriesLost.inc({ why }, 0);
  for (const reason of decisionReasons) metrics.decisions.begin(String(reason === "role" || reason === "grant"), reason);
  const login = catalogue.byName.get("authentication.login");
  for (const result of ["ok", ...(login?.errors ?? []).map(({ code }) => code)]) metrics.signIns.inc({ result }, 0);
  for (const kind of ["session", "client", "impersonation", "delegation"]) metrics.tokensIssued.inc({ kind }, 0);
  for (const result of ["ok", "repeated", "replayed"]) metrics.tokenRefreshes.inc({ result }, 0);
  for (const channel of ["nats", "redis"] as const) initializeUntrustedCounters(channel, metrics);
  if (settings.billing === undefined) return;
  for (const outcome of ["mended", "refused"]) metrics.billingDifferences.inc({ outcome }, 0);
  for (const outcome of ["done", "refused", "failed"]) metrics.billingReconciliations.inc({ outcome }, 0);
  for (const outcome of ["erased", "withdrawn", "stopped"]) metrics.billingDeletions.inc({ outcome }, 0);
}
