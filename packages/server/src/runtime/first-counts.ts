import { decisionReasons } from "#modules/authorization/decisions/index.ts";
import type { Catalogue } from "#operation/declaration/catalogue.ts";
import type { Platform } from "#platform/platform.ts";
import { countDistrustFromZero } from "./trust.ts";

/**
 * Shows the counters of a closed set of labels with 0 before their first count. A series that begins with its first count has no
 * increase in it, so an alert on that increase would not fire; and what is absent cannot be told from what is not counted.
 */
export function countFromZero({ metrics, settings }: Platform, catalogue: Catalogue): void {
  for (const { type } of catalogue.events) metrics.eventsAppended.inc({ type }, 0);
  for (const found of ["memory", "cache", "database", "computed", "missing"]) metrics.projectionLookups.inc({ found }, 0);
  for (const why of ["flood", "storage"]) metrics.auditEntriesLost.inc({ why }, 0);
  for (const reason of decisionReasons) metrics.decisions.begin(String(reason === "role" || reason === "grant"), reason);
  const login = catalogue.byName.get("authentication.login");
  for (const result of ["ok", ...(login?.errors ?? []).map(({ code }) => code)]) metrics.signIns.inc({ result }, 0);
  for (const channel of ["nats", "redis"] as const) countDistrustFromZero(channel, metrics);
  if (settings.billing === undefined) return;
  for (const outcome of ["mended", "refused"]) metrics.billingDifferences.inc({ outcome }, 0);
  for (const outcome of ["done", "refused", "failed"]) metrics.billingReconciliations.inc({ outcome }, 0);
  for (const outcome of ["erased", "withdrawn", "stopped"]) metrics.billingDeletions.inc({ outcome }, 0);
}
