import type { Relationship } from "@gatehouse/policy";
import type { LoggedEvent } from "#platform/log/event.ts";

/** A projection entry as a source has it. `version` is the revision that the value came with. */
export interface SourceEntry {
  readonly value: unknown;
  readonly version: string;
  /** There should be a value, and it could not be computed: decisions that need it are denied with `permission_data_unavailable`. */
  readonly unavailable?: boolean;
}

/**
 * One look-up of relationships. `direct`: of a resource, by its relation and subject. `indirect`: of a resource, by its relation, to
 * subjects that are neither users nor roles. `reverse`: of a subject, by the type and relation of the resource.
 */
export interface RelationshipLookup {
  readonly kind: "direct" | "indirect" | "reverse";
  readonly resource: { readonly type: string; readonly id: string };
  readonly relation: string;
  readonly subject: { readonly type: string; readonly id: string; readonly relation: string };
}

export interface FoundRelationships {
  /** One more than the asked maximum at most, which says that there are too many to decide. */
  readonly relationships: readonly Relationship[];
  /** The newest revision among them; "0" where there are none. */
  readonly version: string;
}

/**
 * Where the reader of decisions takes its data from. The reader caches what it is given and drops it when the event log tells of a
 * change, so a source keeps nothing that it could not read again.
 *
 * Consistency that a source must give:
 * - What is returned contains every change that the event log of this process told of before the call. A source that cannot be sure
 *   rejects with `Unavailable`; it never answers with older data. For entries, a change counts as told of once the projection has
 *   announced it (`decisions.projection_changed.v1`); until then the reader waits, or calls {@link LaggingEntries.compute}.
 * - The entries of one call need not be of one moment: the reader notices a change between two reads by the event that follows it.
 * - A key without an entry is null. Nothing is assumed about it: the decision is denied with `permission_data_unavailable`, or
 *   `not_a_member` where the missing entry is the membership.
 */
export interface PolicySource {
  /** Prepares the source. Returns the events of the log that its entries do not contain yet. Called again after a restart of the log. */
  start(): Promise<readonly LoggedEvent[]>;
  /** The entries under `keys`, in their order. With `bypassSnapshot` they come from the durable store, for a comparison. */
  entries(keys: readonly string[], options?: { readonly bypassSnapshot?: boolean }): Promise<readonly (SourceEntry | null)[]>;
  /** The relationships of each look-up in the scope, in the order of the look-ups, `max + 1` each at most. */
  relationships(organizationId: string | null, lookups: readonly RelationshipLookup[], max: number): Promise<readonly FoundRelationships[]>;
  /** Absent where entries come ready-made and only a new announcement brings a newer one. */
  readonly lagging?: LaggingEntries | undefined;
}

/** Computes entries that the projection has not written yet. */
export interface LaggingEntries {
  /** Whether the source can compute the entry under the key. */
  covers(key: string): boolean;
  compute(keys: readonly string[]): Promise<readonly SourceEntry[]>;
}
