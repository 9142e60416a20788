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
import { sql } from "kysely";
import { asRelationship, type RelationshipRow } from "#modules/authorization/access/index.ts";
import { internalScope, tenantScope } from "#platform/database/database.ts";
import { ofTenant } from "#platform/database/tenant-predicate.ts";
import type { Platform } from "#platform/platform.ts";
import { type CachedDifferences, compareCached } from "./compare-cached.ts";
import { EntryMap, type LoadedEntry } from "./entry-map.ts";

/** One look-up as a key: the fixed names, then the two identifiers, which may hold anything, told apart by a length. */
type Lookup = "direct" | "indirect" | "reverse";
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

interface LookupRow {
  readonly key: string;
  readonly lookup: Lookup;
  readonly rt: string;
  readonly rel: string;
  readonly st: string;
  readonly sr: string;
  readonly ri: string;
  readonly si: string;
}

function parse(key: string): LookupRow {
  const parts = key.split("|", 7);
  const [, lookup, rt, rel, st, sr, length] = parts as [string, Lookup, string, string, string, string, string];
  const ids = key.slice(parts.join("|").length + 1);
  return { key, lookup, rt, rel, st, sr, ri: ids.slice(0, Number(length)), si: ids.slice(Number(length)) };
}

/** A relation that has more than this is not decided over (docs/security/attacks.md, 34). */
const listMax = walkLimits.lookups;
const tooMany = "more than can be decided over";

/** Relationships as decisions read them: each look-up from memory, else from the table by its index. One a process. */
export class RelationshipCache {
  readonly #platform: Platform;
  readonly #entries: EntryMap;

  constructor(platform: Platform) {
    this.#platform = platform;
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

  forgetAll(): void {
    this.#entries.forgetAll();
  }

  /** Forgets every look-up that a written or removed relationship stands in. */
  forget(organizationId: string | null, resource: ResourceRef, relation: string, subject: SubjectRef): void {
    this.#entries.forget(keyOf(organizationId, "direct", resource.type, relation, subject, resource.id));
    this.#entries.forget(keyOf(organizationId, "reverse", resource.type, relation, subject, ""));
    if (isIndirect(subject)) this.#entries.forget(keyOf(organizationId, "indirect", resource.type, relation, nobody, resource.id));
  }

  /** Compares what is cached with the table; what differs is forgotten. */
  compare(catchUp: () => Promise<void>): Promise<CachedDifferences> {
    return compareCached(this.#entries, (keys) => this.#fetch(keys), catchUp);
  }

  async #fetch(keys: readonly string[]): Promise<readonly (LoadedEntry | null)[]> {
    const found = new Map<string, Relationship[]>(keys.map((key) => [key, []]));
    const versions = new Map<string, bigint>();
    for (const [organization, ofOrganization] of Map.groupBy(keys, (key) => key.slice(0, key.indexOf("|")))) {
      const organizationId = organization === "" ? null : organization;
      for (const row of await this.#rows(organizationId, ofOrganization.map(parse))) {
        found.get(row.key)?.push(asRelationship(row));
        const version = BigInt(row.revision);
        if (version > (versions.get(row.key) ?? 0n)) versions.set(row.key, version);
      }
    }
    return keys.map((key) => {
      const list = found.get(key) as Relationship[];
      return { value: list.length > listMax ? tooMany : list, version: String(versions.get(key) ?? "0") };
    });
  }

  async #rows(
    organizationId: string | null,
    lookups: readonly LookupRow[],
  ): Promise<readonly (RelationshipRow & { readonly key: string })[]> {
    const scope = organizationId === null ? internalScope : tenantScope(organizationId);
    const kinds = Map.groupBy(lookups, ({ lookup }) => lookup);
    const where = {
      direct: sql`r.resource_type = k.rt and r.resource_id = k.ri and r.relation = k.rel
        and r.subject_type = k.st and r.subject_id = k.si and r.subject_relation = k.sr`,
      indirect: sql`r.resource_type = k.rt and r.resource_id = k.ri and r.relation = k.rel and r.subject_type not in ('user', 'role')`,
      reverse: sql`r.subject_type = k.st and r.subject_id = k.si and r.subject_relation = k.sr and r.resource_type = k.rt and r.relation = k.rel`,
    } as const;
    this.#platform.metrics.readModelLookups.inc({ found: "database" }, lookups.length);
    return this.#platform.log.whileHeard(() =>
      this.#platform.database.read(scope, async (db) => {
        const rows: (RelationshipRow & { readonly key: string })[] = [];
        for (const [lookup, ofKind] of kinds) {
          const result = await sql<RelationshipRow & { readonly key: string }>`
          select k.key, r.* from jsonb_to_recordset(${JSON.stringify(ofKind)}::jsonb)
            as k (key text, rt text, rel text, st text, sr text, ri text, si text)
          cross join lateral (select r.* from relationships r where ${ofTenant(organizationId, "r.organization_id")} and ${where[lookup]} limit ${listMax + 1}) r`.execute(
            db as never,
          );
          rows.push(...result.rows);
        }
        return rows;
      }),
    );
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
  if (missing.size > 0 && isLimit && !error.faults.some(({ rule }) => rule === "request_steps")) return pendingDecision;
  throw error;
}
