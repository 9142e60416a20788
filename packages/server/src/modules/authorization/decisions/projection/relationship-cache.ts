import {
  isIndirect,
  type Pending,
  PolicyError,
  pendingDecision,
  type Relationship,
  type RelationshipReader,
  type ResourceRef,
  type SubjectRef,
  walkLimits,
} from "@gatehouse/policy";
import type { Platform } from "#platform/platform.ts";
import type { PolicySource, RelationshipLookup } from "../policy-source.ts";
import { type CachedDifferences, compareCached } from "./compare-cached.ts";
import { EntryMap, type LoadedEntry } from "./entry-map.ts";

/** A look-up as a key: the names, then the two identifiers, separated by a length because they may contain any character. */
type Lookup = RelationshipLookup["kind"];
const keyOf = (
  organizationId: string | null,
  lookup: Lookup,
  type: string,
  relation: string,
  subject: SubjectRef,
  resourceId: string,
): string =>
  `${organizationId ?? ""}|${lookup}|${type}|${relation}|${subject.type}|${subject.relation ?? ""}|${resourceId.length}|${resourceId}${subject.id}`;
const noSubject: SubjectRef = { type: "", id: "" };

function parse(key: string): RelationshipLookup {
  const names = key.split("|", 7);
  const [, kind, type, relation, subjectType, subjectRelation, length] = names as [string, Lookup, string, string, string, string, string];
  const ids = key.slice(names.join("|").length + 1);
  return {
    kind,
    resource: { type, id: ids.slice(0, Number(length)) },
    relation,
    subject: { type: subjectType, id: ids.slice(Number(length)), relation: subjectRelation },
  };
}

/** Relations with more relationships than this are not decided (docs/security/attacks.md, 34). */
const listMax = walkLimits.lookups;
const tooMany = "too many to decide";

/** The in-process cache of relationship look-ups, loaded from the source. One instance per process. */
export class RelationshipCache {
  readonly #source: PolicySource;
  readonly #entries: EntryMap;

  constructor(platform: Platform, source: PolicySource) {
    this.#source = source;
    this.#entries = new EntryMap((keys) => this.#fetch(keys), platform.settings.cacheBytes / 4);
  }

  /** A reader for one evaluation. Afterwards its `missing` has the keys that were not cached. */
  reading(organizationId: string | null): CachedRelationships {
    return new CachedRelationships(this.#entries, organizationId);
  }

  /** Loads the look-ups that an evaluation missed. */
  async load({ missing }: CachedRelationships): Promise<void> {
    await this.#entries.load([...missing]);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Invalidates every look-up that contains a written or removed relationship. */
  invalidate(organizationId: string | null, resource: ResourceRef, relation: string, subject: SubjectRef): void {
    this.#entries.invalidate(keyOf(organizationId, "direct", resource.type, relation, subject, resource.id));
    this.#entries.invalidate(keyOf(organizationId, "reverse", resource.type, relation, subject, ""));
    if (isIndirect(subject)) this.#entries.invalidate(keyOf(organizationId, "indirect", resource.type, relation, noSubject, resource.id));
  }

  /** Compares cached look-ups with the table and invalidates those that differ. */
  compare(catchUp: () => Promise<void>): Promise<CachedDifferences> {
    return compareCached(this.#entries, (keys) => this.#fetch(keys), catchUp);
  }

  async #fetch(keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> {
    const found = new Map<string, LoadedEntry>();
    for (const [organization, ofOrganization] of Map.groupBy(keys, (key) => key.slice(0, key.indexOf("|")))) {
      const organizationId = organization === "" ? null : organization;
      const answers = await this.#source.relationships(organizationId, ofOrganization.map(parse), listMax);
      for (const [index, { relationships, version }] of answers.entries()) {
        const value = relationships.length > listMax ? tooMany : relationships;
        found.set(ofOrganization[index] as string, { value, version });
      }
    }
    return keys.map((key) => found.get(key) ?? null);
  }
}

/** Answers look-ups from the cache and collects those that are missing. */
export class CachedRelationships implements RelationshipReader {
  readonly missing = new Set<string>();
  readonly #entries: EntryMap;
  readonly #organizationId: string | null;

  constructor(entries: EntryMap, organizationId: string | null) {
    this.#entries = entries;
    this.#organizationId = organizationId;
  }

  direct(resource: ResourceRef, relation: string, subject: SubjectRef): readonly Relationship[] | undefined {
    return this.#look(keyOf(this.#organizationId, "direct", resource.type, relation, subject, resource.id));
  }

  indirect(resource: ResourceRef, relation: string): readonly Relationship[] | undefined {
    return this.#look(keyOf(this.#organizationId, "indirect", resource.type, relation, noSubject, resource.id));
  }

  reverse(subject: SubjectRef, type: string, relation: string): readonly Relationship[] | undefined {
    return this.#look(keyOf(this.#organizationId, "reverse", type, relation, subject, ""));
  }

  #look(key: string): readonly Relationship[] | undefined {
    const entry = this.#entries.peek<readonly Relationship[] | typeof tooMany>(key);
    if (entry === undefined) {
      this.missing.add(key);
      return undefined;
    }
    if (entry.value === tooMany) {
      throw new PolicyError("evaluation_limit", [
        { field: "resource", rule: "lookups", message: "has relationships that are too many to decide" },
      ]);
    }
    return entry.value as readonly Relationship[];
  }
}

/** Evaluates a query. A limit that is exceeded while look-ups are missing is not final: the result is pending until they are loaded. */
export function orPending<Answer>({ missing }: CachedRelationships, query: () => Answer | Pending): Answer | Pending {
  try {
    return query();
  } catch (error) {
    return pendingUnlessComplete(missing, error);
  }
}

/** Like {@link orPending}, for an asynchronous query. */
export async function orPendingLater<Answer>(
  { missing }: CachedRelationships,
  query: () => Promise<Answer | Pending>,
): Promise<Answer | Pending> {
  try {
    return await query();
  } catch (error) {
    return pendingUnlessComplete(missing, error);
  }
}

function pendingUnlessComplete(missing: ReadonlySet<string>, error: unknown): Pending {
  const isLimit = error instanceof PolicyError && error.code === "evaluation_limit";
  // The budget of a request is final, even if look-ups are missing.
  if (missing.size > 0 && isLimit && !error.issues.some(({ rule }) => rule === "request_steps")) return pendingDecision;
  throw error;
}
