import type { RequestContext as EngineContext, View } from "@gatehouse/policy";
import { policyKey } from "#modules/authorization/access/index.ts";
import type { CachedEntry } from "./entry-map.ts";

/** What decisions about one user in one scope are made from, with the entries that it was put together from. */
export interface ComposedView {
  /** Undefined where the policy itself is missing: then nothing can be decided. */
  readonly view: View | undefined;
  readonly entries: readonly CachedEntry[];
  /** How many entries had become stale when these were last looked at. */
  lookedAt: number;
}

/** Whom and what a query is about. */
export interface DecisionQuery {
  readonly userId: string;
  readonly organizationId: string | null;
  readonly minRevision?: string | undefined;
  /** The one action that is queried; without it the query is about all of them. */
  readonly action?: string | undefined;
}

/** What a query knows beside the subject and the tenant. */
export type RequestContext = Omit<EngineContext, "relationships">;

/** A view holds the values of its entries, also of those that are no longer kept by themselves. The policy is every view's. */
const viewBytes = 500;
export const sizeOfView = ({ entries }: ComposedView): number =>
  entries.reduce((sum, { key, bytes }) => (key === policyKey ? sum : sum + bytes), viewBytes);
