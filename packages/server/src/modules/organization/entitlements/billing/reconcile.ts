import { isDeepStrictEqual } from "node:util";
import type { Static } from "#operation/declaration/schema.ts";
import type { InternalDispatch } from "#operation/kernel/internal-dispatch.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { Platform } from "#platform/platform.ts";
import { followBilling } from "../commands/follow-billing.ts";
import { listKnown } from "../queries/list-known.ts";
import { askBilling, type BillingAnswer } from "./client.ts";

export const reconcileJob: JobName<object> = { name: "entitlements.reconcile" };

/** Of all organizations that were compared, no more may lose something in one run; a few may, however few there are. */
const losersShareMax = 0.1;
const losersAlwaysAllowed = 3;
const page = 100;

type Known = Static<typeof listKnown.output>["items"][number];

interface Difference extends Known {
  readonly loses: boolean;
}

/**
 * Compares every organization with what billing says of it and mends what differs. All is asked before anything is
 * changed: a billing that fails in the middle changes nothing, and one that suddenly takes from many is not believed
 * (docs/security/attacks.md, 39). What billing does not know is left alone.
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
  const askedAt = new Date(platform.clock.now()).toISOString();
  const differences: Difference[] = [];
  let compared = 0;
  let after: string | undefined;
  do {
    const { items } = (await dispatch(listKnown, { limit: page, ...(after === undefined ? {} : { after }) })).output;
    for (const known of items) {
      const answer = await askBilling(billing, known.organizationId, platform.resilience).catch((error) => {
        metrics.billingReconciliations.inc({ outcome: "failed" });
        throw error;
      });
      compared += 1;
      const difference = answer && differenceOf(known, answer);
      if (difference) differences.push(difference);
    }
    after = items.length === page ? items.at(-1)?.organizationId : undefined;
  } while (after !== undefined);

  const losers = differences.filter(({ loses }) => loses).length;
  const refused = losers > Math.max(losersAlwaysAllowed, compared * losersShareMax);
  if (refused)
    logger.error({ module: "billing", compared, losers }, "billing would take from too many organizations at once; nothing was taken");
  for (const { loses, ...state } of differences) {
    const outcome = refused && loses ? "refused" : "mended";
    metrics.billingDifferences.inc({ outcome });
    if (outcome === "refused") continue;
    const entitlements = state.entitlements ?? {};
    await dispatch(followBilling, {
      ...state,
      entitlements,
      occurredAt: askedAt,
      messageId: `reconciliation ${askedAt} ${state.organizationId}`,
    });
  }
  metrics.billingReconciliations.inc({ outcome: refused ? "refused" : "done" });
}

/** What is to be where billing says otherwise, and whether the organization has less afterwards. */
function differenceOf(known: Known, answer: BillingAnswer): Difference | undefined {
  const status = answer.status === "active" ? "Active" : "Suspended";
  const same = status === known.status && answer.planId === known.plan && isDeepStrictEqual(answer.entitlements, known.entitlements ?? {});
  if (same) return undefined;
  const loses =
    (status === "Suspended" && known.status === "Active") ||
    Object.entries(known.entitlements ?? {}).some(([name, value]) => isLess(answer.entitlements[name], value));
  return { organizationId: known.organizationId, status, plan: answer.planId, entitlements: answer.entitlements, loses };
}

function isLess(now: unknown, before: unknown): boolean {
  if (now === undefined) return before !== false && before !== 0;
  return rank(now) < rank(before);
}

const rank = (value: unknown): number => (value === "unlimited" ? Number.POSITIVE_INFINITY : Number(value));
