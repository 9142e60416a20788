import { sql } from "kysely";
import { computeEntries, findRelationships, isOfOwnTables, type UserFactsById } from "#modules/authorization/access/index.ts";
import { everyTenant, internalScope, tenantScope } from "#platform/database/database.ts";
import { firstRow } from "#platform/database/rows.ts";
import type { LoggedEvent } from "#platform/log/event.ts";
import { readTail } from "#platform/log/log.ts";
import type { Platform } from "#platform/platform.ts";
import { ProjectionChanged } from "../events.ts";
import type { FoundRelationships, LaggingEntries, PolicySource, RelationshipLookup, SourceEntry } from "../policy-source.ts";
import { EntrySource } from "./entry-source.ts";
import { leaveLineage } from "./lineage.ts";
import { projectorName } from "./names.ts";
import { projectedTypes } from "./touched.ts";

/** Another module owns users: their entries are not computed here. */
const noUsers: UserFactsById = async () => new Map();

/** The policy source of a complete installation: its projection, and the access module's relationships. One instance per process. */
export class ProjectionSource implements PolicySource {
  readonly #platform: Platform;
  readonly #stored: EntrySource;
  readonly lagging: LaggingEntries | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#stored = new EntrySource(platform);
    // A replica may lack a change that was observed in the log, so with replicas only the projector's announcement counts.
    if (platform.database.replica === undefined) this.lagging = { covers: isOfOwnTables, compute: (keys) => this.#compute(keys) };
    platform.log.onEvent((event) => this.#observe(event));
    platform.log.onRestart(async () => this.#stored.clearWritten());
  }

  async start(): Promise<readonly LoggedEvent[]> {
    const { events } = await this.#platform.database.read(everyTenant, async (db) => {
      const projector = await firstRow(
        db,
        sql<{ transaction: string }>`select transaction::text from consumers where name = ${projectorName}`,
      );
      return readTail(db, projector?.transaction ?? "0", [...projectedTypes, ProjectionChanged.type]);
    });
    for (const event of events) this.#observe(event);
    await leaveLineage(this.#platform);
    await this.#stored.start();
    return events;
  }

  entries(
    keys: readonly string[],
    { bypassSnapshot = false }: { readonly bypassSnapshot?: boolean } = {},
  ): Promise<readonly (SourceEntry | null)[]> {
    return bypassSnapshot ? this.#stored.fromTable(keys) : this.#stored.fetch(keys);
  }

  async relationships(
    organizationId: string | null,
    lookups: readonly RelationshipLookup[],
    max: number,
  ): Promise<readonly FoundRelationships[]> {
    const { database, log, metrics } = this.#platform;
    metrics.projectionLookups.inc({ found: "database" }, lookups.length);
    const scope = organizationId === null ? internalScope : tenantScope(organizationId);
    const found = await log.whileObserved(() => database.read(scope, (db) => findRelationships(db, organizationId, lookups, max + 1)));
    return found.map((relationships) => ({ relationships, version: newest(relationships.map(({ revision }) => revision)) }));
  }

  async #compute(keys: readonly string[]): Promise<readonly SourceEntry[]> {
    const { database, log, metrics } = this.#platform;
    const version = log.revision;
    const computed = await log.whileObserved(() => database.read(everyTenant, (db) => computeEntries(db, keys, noUsers)));
    metrics.projectionLookups.inc({ found: "computed" }, keys.length);
    return computed.map(({ json }) => ({ value: JSON.parse(json) as unknown, version }));
  }

  /** Observes the projector's announcement of a write: from now on an older snapshot is not trusted. */
  #observe({ type, data, position }: LoggedEvent): void {
    if (type !== ProjectionChanged.type) return;
    const { keys, number } = data as { readonly keys: readonly string[]; readonly number?: number };
    if (number !== undefined) this.#stored.observe(number);
    this.#stored.observeWritten(keys, BigInt(position.transaction));
  }
}

const newest = (revisions: readonly (string | undefined)[]): string =>
  revisions.reduce<bigint>((max, revision) => (BigInt(revision ?? 0) > max ? BigInt(revision ?? 0) : max), 0n).toString();
