import { isDeepStrictEqual } from "node:util";
import type { Static } from "#operation/declaration/schema.ts";
import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";
import { followBilling } from "../commands/follow-billing.ts";
import { listSubscriptions } from "../queries/list-subscriptions.ts";
import { type BillingAnswer, fetchFromBilling } from "./client.ts";

export const reconcileJob: JobName<object> = { name: "entitlements.reconcile" };

/** The largest share of compared organizations that may lose something in one run. */
const losersShareMax = 0.1;
/** So many may lose something in one run, however few organizations there are. */
const losersMin = 3;
const page = 100;

type StoredSubscription = Static<typeof listSubscriptions.output>["items"][number];

interface Difference extends StoredSubscription {
  readonly loses: boolean;
}

/**
 * Compares every organization with billing's state and corrects the differences. Fetches everything before it changes anything: an error
 * in between changes nothing, and a sudden loss for many organizations is refused (docs/security/attacks.md, 39). Organizations that
 * billing does not know are not changed.
 */
export const reconcileWork = (platform: Platform, dispatch: InternalDispatch): Job<object> => ({
  ...reconcileJob,
  schedule: "37 * * * *",
  handle: () => reconcile(platform, dispatch),
});

export async function reconcile(platform: Platform, dispatch: InternalDispatch): Promise<void> {
  const { billing } = platform.settings;
  if (billing === undefined) return;
  const { metrics, logger } = platform;
  const startedAt = new Date(platform.clock.now()).toISOString();
  const differences: Difference[] = [];
  let compared = 0;
  let after: string | undefined;
  do {
    const { items } = (await dispatch(listSubscriptions, { limit: page, ...(after === undefined ? {} : { after }) })).output;
    for (const stored of items) {
      const answer = await fetchFromBilling(billing, stored.organizationId, platform.resilience).catch((error) => {
        metrics.billingReconciliations.inc({ outcome: "failed" });
        throw error;
      });
      compared += 1;
      const difference = answer && differenceOf(stored, answer);
      if (difference) differences.push(difference);
    }
    after = items.length === page ? items.at(-1)?.organizationId : undefined;
  } while (after !== undefined);

  const losers = differences.filter(({ loses }) => loses).length;
  const refused = losers > Math.max(losersMin, compared * losersShareMax);
  if (refused)
    logger.error({ module: "billing", compared, losers }, "too many organizations would lose entitlements at once; nothing was taken away");
  for (const { loses, ...state } of differences) {
    const outcome = refused && loses ? "refused" : "mended";
    metrics.billingDifferences.inc({ outcome });
    if (outcome === "refused") continue;
    const entitlements = state.entitlements ?? {};
    await dispatch(followBilling, {
      ...state,
      entitlements,
      occurredAt: startedAt,
      messageId: `reconciliation ${startedAt} ${state.organizationId}`,
    });
  }
  metrics.billingReconciliations.inc({ outcome: refused ? "refused" : "done" });
}

/** Billing's state where it differs from the stored one, and whether the organization loses something by it. */
function differenceOf(stored: StoredSubscription, answer: BillingAnswer): Difference | undefined {
  const status = answer.status === "active" ? "Active" : "Suspended";
  const same =
    status === stored.status && answer.planId === stored.plan && isDeepStrictEqual(answer.entitlements, stored.entitlements ?? {});
  if (same) return undefined;
  const loses =
    (status === "Suspended" && stored.status === "Active") ||
    Object.entries(stored.entitlements ?? {}).some(([name, value]) => isLess(answer.entitlements[name], value));
  return { organizationId: stored.organizationId, status, plan: answer.planId, entitlements: answer.entitlements, loses };
}

function isLess(now: unknown, before: unknown): boolean {
  if (now === undefined) return before !== false && before !== 0;
  return rank(now) < rank(before);
}

const rank = (value: unknown): number => (value === "unlimited" ? Number.POSITIVE_INFINITY : Number(value));
