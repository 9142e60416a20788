import type { RequestContext as EngineContext, View } from "@gatehouse/policy";
import { type HolderKind, policyKey } from "#modules/authorization/access/index.ts";
import type { CachedEntry } from "./entry-map.ts";

/** The view for decisions about one user or service account in one scope, with the entries that it was composed of. */
export interface ComposedView {
  /** Undefined if the policy is missing or an entry is unavailable: then nothing can be decided. */
  readonly view: View | undefined;
  readonly entries: readonly CachedEntry[];
  /** The count of stale entries at the last check of these entries. */
  checkedAtStaled: number;
}

/** The subject, scope and action of a query. */
export interface DecisionQuery {
  readonly userId: string;
  readonly organizationId: string | null;
  readonly minRevision?: string | undefined;
  /** The action of the query; without it the query is about all actions. */
  readonly action?: string | undefined;
}

/** The request context of a query. */
export interface RequestContext extends Omit<EngineContext, "relationships"> {
  /**
   * The expected kind of the subject; absent: a user or a service account. Ids are unique across both, so another kind is a mistake or a
   * forgery.
   */
  readonly subjectKind?: HolderKind | undefined;
}

/** Whether the view is of a known subject of another kind. */
export const isOfOtherKind = ({ facts, subject }: View, kind: HolderKind | undefined): boolean =>
  kind !== undefined && facts.user.status !== undefined && subject.type !== kind;

/** The overhead of a view. Its size includes its entries, which it retains after their eviction, but not the shared policy. */
const viewBytes = 500;
export const sizeOfView = ({ entries }: ComposedView): number =>
  entries.reduce((sum, { key, bytes }) => (key === policyKey ? sum : sum + bytes), viewBytes);
