import type { Relationship } from "@gatehouse/policy";
import type { LoggedEvent } from "#platform/log/event.ts";

/** A projection entry of a source. `version` is the revision of the value. */
export interface SourceEntry {
  readonly value: unknown;
  readonly version: string;
  /** The value could not be computed: decisions that need it are denied with `permission_data_unavailable`. */
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
  /** At most one more than the requested maximum, which means that there are too many to decide. */
  readonly relationships: readonly Relationship[];
  /** The newest revision among them; "0" if there are none. */
  readonly version: string;
}

/**
 * The data source of the decision reader. The reader caches results and invalidates them by the events of the log.
 *
 * Consistency guarantees of a source:
 * - A result contains every change that this process had observed in the event log before the call. A source that cannot guarantee it
 *   rejects with `Unavailable`; it never returns older data. For entries, a change counts once the projection has announced it
 *   (`decisions.projection_changed.v1`); until then the reader waits, or calls {@link LaggingEntries.compute}.
 * - The entries of one call need not be a consistent snapshot: a change between two reads is followed by an event.
 * - A key without an entry is null. The reader then denies with `permission_data_unavailable`, or with `not_a_member` if the missing entry
 *   is the membership.
 */
export interface PolicySource {
  /** Starts the source. Returns the logged events that its entries do not contain yet. Called again after a restart of the log. */
  start(): Promise<readonly LoggedEvent[]>;
  /** The entries of `keys`, in their order. With `bypassSnapshot` they are read from the durable store, for a comparison. */
  entries(keys: readonly string[], options?: { readonly bypassSnapshot?: boolean }): Promise<readonly (SourceEntry | null)[]>;
  /** The relationships of each look-up in the scope, in the order of the look-ups; at most `max + 1` each. */
  relationships(organizationId: string | null, lookups: readonly RelationshipLookup[], max: number): Promise<readonly FoundRelationships[]>;
  /** Absent if the source cannot compute entries itself and only an announcement brings newer ones. */
  readonly lagging?: LaggingEntries | undefined;
}

/** Computes entries that the projection has not written yet. */
export interface LaggingEntries {
  /** Whether the source can compute the entry under the key. */
  covers(key: string): boolean;
  compute(keys: readonly string[]): Promise<readonly SourceEntry[]>;
}
