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

/** One look-up as a key: the fixed names, then the two identifiers, which may hold anything, told apart by a length. */
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
const nobody: SubjectRef = { type: "", id: "" };

function parse(key: string): RelationshipLookup {
  const parts = key.split("|", 7);
  const [, kind, type, relation, subjectType, subjectRelation, length] = parts as [string, Lookup, string, string, string, string, string];
  const ids = key.slice(parts.join("|").length + 1);
  return {
    kind,
    resource: { type, id: ids.slice(0, Number(length)) },
    relation,
    subject: { type: subjectType, id: ids.slice(Number(length)), relation: subjectRelation },
  };
}

/** A relation that has more than this is not decided over (docs/security/attacks.md, 34). */
const listMax = walkLimits.lookups;
const tooMany = "more than can be decided over";

/** Relationships as decisions read them: each look-up from the in-process cache, else from the source. One a process. */
export class RelationshipCache {
  readonly #source: PolicySource;
  readonly #entries: EntryMap;

  constructor(platform: Platform, source: PolicySource) {
    this.#source = source;
    this.#entries = new EntryMap((keys) => this.#fetch(keys), platform.settings.cacheBytes / 4);
  }

  /** A reader for one question; what it did not have is in its `missing` afterwards. */
  reading(organizationId: string | null): CachedRelationships {
    return new CachedRelationships(this.#entries, organizationId);
  }

  /** Loads what a question missed. */
  async load({ missing }: CachedRelationships): Promise<void> {
    await this.#entries.load([...missing]);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Forgets every look-up that a written or removed relationship stands in. */
  invalidate(organizationId: string | null, resource: ResourceRef, relation: string, subject: SubjectRef): void {
    this.#entries.invalidate(keyOf(organizationId, "direct", resource.type, relation, subject, resource.id));
    this.#entries.invalidate(keyOf(organizationId, "reverse", resource.type, relation, subject, ""));
    if (isIndirect(subject)) this.#entries.invalidate(keyOf(organizationId, "indirect", resource.type, relation, nobody, resource.id));
  }

  /** Compares what is cached with the table; what differs is forgotten. */
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

/** Answers from memory, and remembers what was not there. */
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
    return this.#look(keyOf(this.#organizationId, "indirect", resource.type, relation, nobody, resource.id));
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

/** A limit that was met while something was not at hand says nothing yet: what was missing may be all that it takes. */
export function orPending<Answer>({ missing }: CachedRelationships, ask: () => Answer | Pending): Answer | Pending {
  try {
    return ask();
  } catch (error) {
    return pendingUnlessWhole(missing, error);
  }
}

/** The same for a question that pauses. */
export async function orPendingLater<Answer>(
  { missing }: CachedRelationships,
  ask: () => Promise<Answer | Pending>,
): Promise<Answer | Pending> {
  try {
    return await ask();
  } catch (error) {
    return pendingUnlessWhole(missing, error);
  }
}

function pendingUnlessWhole(missing: ReadonlySet<string>, error: unknown): Pending {
  const isLimit = error instanceof PolicyError && error.code === "evaluation_limit";
  // What one request may cost is not more because something has to be loaded for it.
  if (missing.size > 0 && isLimit && !error.issues.some(({ rule }) => rule === "request_steps")) return pendingDecision;
  throw error;
}
