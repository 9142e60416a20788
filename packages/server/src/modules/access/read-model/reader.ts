import { type Decision, decide, type RoleFacts, type SubjectFacts } from "@gatehouse/policy";
import { sql } from "kysely";
import { LRUCache } from "lru-cache";
import { OperationError, RevisionNotReached } from "../../../operation/errors.ts";
import type { MaybePromise } from "../../../operation/maybe-promise.ts";
import { everyTenant } from "../../../platform/database/database.ts";
import { Unavailable } from "../../../platform/database/faults.ts";
import type { LoggedEvent } from "../../../platform/log/event.ts";
import { revocationBoundMs } from "../../../platform/log/follower.ts";
import { readTail } from "../../../platform/log/log.ts";
import type { Platform } from "../../../platform/platform.ts";
import { ReadModelChanged } from "../events.ts";
import { repairJob } from "../jobs.ts";
import {
  type EffectivePart,
  everyEffectiveList,
  isEffectiveKey,
  type MembershipPart,
  membershipKey,
  type PermissionPart,
  permissionKey,
  projectorName,
  type RolePart,
  roleKey,
  type TenantPart,
  tenantStatusKey,
  type UserPart,
  userKey,
} from "./keys.ts";
import { LeastVersions } from "./least-versions.ts";
import { type Part, Parts } from "./parts.ts";
import { Pending } from "./pending.ts";
import { cacheSeconds } from "./projector.ts";
import { keysTouchedBy, projectedTypes } from "./touched.ts";

/** What decisions about one user in one scope are made from, with the parts that it was put together from. */
interface View {
  readonly facts: SubjectFacts;
  readonly parts: readonly Part[];
}

const viewsMax = 200_000;
/** A missing part is put right once, not by every check that misses it. */
const repairEveryMs = 10_000;

const internalTenant: TenantPart = { status: "Active" };

/**
 * Answers decisions from the read model: memory, then the cache, then the read model's table (decision 0002); never from the
 * tables that commands write. One a process.
 */
export class AccessReader {
  readonly #platform: Platform;
  readonly #parts: Parts;
  readonly #pending = new Pending();
  readonly #views = new LRUCache<string, View>({ max: viewsMax });
  readonly #least = new LeastVersions(cacheSeconds * 1_000);
  readonly #repaired = new Map<string, number>();

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#parts = new Parts((keys) => this.#fetch(keys));
    platform.log.onEvent((event) => this.#hear(event));
  }

  /** Finds out what the projector has still to handle from before this process began to listen. */
  async start(): Promise<void> {
    const { events } = await this.#platform.database.read(everyTenant, async (db) => {
      const { rows } = await sql<{ transaction: string }>`select transaction::text from consumers where name = ${projectorName}`.execute(
        db as never,
      );
      return readTail(db, rows[0]?.transaction ?? "0", [...projectedTypes, ReadModelChanged.type]);
    });
    for (const event of events) this.#hear(event);
  }

  /** Events whose changes decisions do not contain yet. */
  get behind(): number {
    return this.#pending.size;
  }

  /**
   * Decides whether the user may perform `action` in the organization (null: the internal scope), no older than any
   * write that this process knows of, and than `minRevision` when it is given.
   * Throws {@link Unavailable} when it cannot know, RevisionNotReached when `minRevision` does not come in time.
   */
  decide(userId: string, organizationId: string | null, action: string, minRevision?: string): MaybePromise<Decision> {
    const { log } = this.#platform;
    if (log.fresh && (minRevision === undefined || log.hasSeen(minRevision))) {
      const view = this.#views.get(viewKey(userId, organizationId));
      if (view !== undefined && !isStale(view)) return decide(view.facts, action);
    }
    return this.#decideSlowly(userId, organizationId, action, minRevision);
  }

  /** The scope of a defined permission; undefined for a value that no one has defined. */
  async scopeOf(value: string): Promise<string | undefined> {
    const deadline = performance.now() + revocationBoundMs;
    const [part] = await this.#load<PermissionPart>([permissionKey(value)], deadline);
    return part?.value?.scope;
  }

  /** Everything that the user may do in the scope, sorted. */
  async permissionsOf(userId: string, organizationId: string | null): Promise<readonly string[]> {
    const { facts } = await this.#view(userId, organizationId);
    if (!decide(facts, "").reason.startsWith("missing")) return [];
    return [...new Set((facts.roles ?? []).flatMap((role) => [...(role?.permissions ?? [])]))].sort();
  }

  async #decideSlowly(userId: string, organizationId: string | null, action: string, minRevision: string | undefined): Promise<Decision> {
    if (minRevision !== undefined) await this.#reach(minRevision);
    const view = await this.#view(userId, organizationId);
    const decision = decide(view.facts, action);
    if (decision.reason === "permission_data_unavailable") this.#repair(view.parts);
    return decision;
  }

  async #reach(revision: string): Promise<void> {
    const deadline = performance.now() + revocationBoundMs;
    while (!this.#platform.log.hasSeen(revision)) {
      if (performance.now() > deadline) throw new OperationError(RevisionNotReached, [{ field: "minRevision", rule: "reached" }]);
      await this.#platform.log.catchUp();
      if (!this.#platform.log.hasSeen(revision)) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Puts a view together, again when a part changed meanwhile, until the revocation bound is over. */
  async #view(userId: string, organizationId: string | null): Promise<View> {
    const deadline = performance.now() + revocationBoundMs;
    while (performance.now() < deadline) {
      if (!this.#platform.log.fresh) await this.#platform.log.catchUp();
      // Cut off from the log, memory is not trusted and neither is what was asked of it (ARCHITECTURE, idea 9).
      if (!this.#platform.log.fresh) throw new Unavailable("event log", undefined);
      const view = await this.#compose(userId, organizationId, deadline);
      if (isStale(view)) continue;
      this.#views.set(viewKey(userId, organizationId), view);
      return view;
    }
    throw new Unavailable("access read model", undefined);
  }

  async #compose(userId: string, organizationId: string | null, deadline: number): Promise<View> {
    const keys = [membershipKey(userId, organizationId), userKey(userId)];
    if (organizationId !== null) keys.push(tenantStatusKey(organizationId));
    const [membership, user, tenant] = (await this.#load(keys, deadline)) as [
      Part<MembershipPart>,
      Part<UserPart>,
      Part<TenantPart> | undefined,
    ];
    const roleIds = membership.value?.roleIds ?? [];
    const roles = (await this.#load<RolePart>(roleIds.map(roleKey), deadline)) as readonly Part<RolePart>[];
    const lists = await this.#load<EffectivePart>(
      roles.flatMap((role) => (role.value ? [role.value.effective] : [])),
      deadline,
    );
    const listOf = new Map(lists.map((list) => [list.key, list.value]));
    const facts: SubjectFacts = {
      userStatus: user.value?.status,
      tenantStatus: organizationId === null ? internalTenant.status : tenant?.value?.status,
      roles: membership.value === null ? undefined : roles.map((role) => roleFacts(role.value, listOf)),
    };
    return { facts, parts: [membership, user, ...(tenant ? [tenant] : []), ...roles, ...lists] };
  }

  async #load<Value>(keys: readonly string[], deadline: number): Promise<readonly Part<Value>[]> {
    if (keys.length === 0) return [];
    if (!(await this.#pending.settled(keys, deadline))) throw new Unavailable("access read model", undefined);
    const { readModelLookups } = this.#platform.metrics;
    const known = this.#parts.known(keys);
    if (known > 0) readModelLookups.inc({ found: "memory" }, known);
    return (await this.#parts.load(keys)) as readonly Part<Value>[];
  }

  /** The cache, then the table; what the table has is put into the cache under its version. */
  async #fetch(keys: readonly string[]): Promise<readonly (unknown | null)[]> {
    const { cache, database, metrics } = this.#platform;
    const cached = (await cache.getMany(keys)).map((hit, index) =>
      hit && hit.version >= this.#least.of(keys[index] as string) ? hit : null,
    );
    const missing = keys.filter((_key, index) => cached[index] === null);
    const found = new Map<string, unknown>(keys.flatMap((key, index) => (cached[index] ? [[key, JSON.parse(cached[index].value)]] : [])));
    metrics.readModelLookups.inc({ found: "cache" }, keys.length - missing.length);
    if (missing.length > 0) {
      const { rows } = await database.read(everyTenant, (db) =>
        sql<{ key: string; value: unknown; version: string }>`
          select key, value, version::text from access_read_model where key in (${sql.join(missing)})`.execute(db as never),
      );
      metrics.readModelLookups.inc({ found: "database" }, rows.length);
      metrics.readModelLookups.inc({ found: "missing" }, missing.length - rows.length);
      for (const row of rows) {
        found.set(row.key, row.value);
        await cache.put(row.key, JSON.stringify(row.value), { version: BigInt(row.version), ttlSeconds: cacheSeconds });
      }
    }
    return keys.map((key) => found.get(key) ?? null);
  }

  #hear(event: LoggedEvent): void {
    if (event.type === ReadModelChanged.type) {
      const { handled, keys } = event.data as { handled: readonly string[]; keys: readonly string[] };
      for (const key of keys) {
        this.#least.raise(key, BigInt(event.position.transaction));
        this.#parts.forget(key);
      }
      this.#pending.handled(handled);
      return;
    }
    const keys = keysTouchedBy(event);
    if (keys.length === 0) return;
    this.#pending.add(event.id, keys);
    for (const key of keys) {
      if (key === everyEffectiveList) this.#parts.forgetWhere(isEffectiveKey);
      else this.#parts.forget(key);
    }
  }

  /** Asks the worker to put missing parts back; the check itself has been denied (decision 0002). */
  #repair(parts: readonly Part[]): void {
    const now = performance.now();
    const missing = parts.filter(
      (part) => part.value === null && (this.#repaired.get(part.key) ?? Number.NEGATIVE_INFINITY) < now - repairEveryMs,
    );
    if (missing.length === 0) return;
    const { database, jobs, logger } = this.#platform;
    const keys = missing.map((part) => part.key);
    for (const key of keys) this.#repaired.set(key, now);
    logger.warn({ keys }, "parts of the access read model are missing; their checks are denied until they are put back");
    for (const key of keys) this.#parts.forget(key);
    database
      .transact(everyTenant, (tx) => jobs.enqueue(tx, repairJob, { keys }))
      .catch((error) => logger.error({ err: error }, "the repair of the access read model could not be asked for"));
  }
}

const viewKey = (userId: string, organizationId: string | null): string => `${userId}/${organizationId ?? ""}`;

function isStale(view: View): boolean {
  for (const part of view.parts) if (part.stale) return true;
  return false;
}

/** Sets are shared by every view that holds the same list. */
const setsOfLists = new WeakMap<EffectivePart, ReadonlySet<string>>();

function roleFacts(role: RolePart | null, listOf: ReadonlyMap<string, EffectivePart | null>): RoleFacts | undefined {
  const list = role && listOf.get(role.effective);
  if (!role || !list) return undefined;
  let permissions = setsOfLists.get(list);
  if (!permissions) {
    permissions = new Set(list);
    setsOfLists.set(list, permissions);
  }
  return { id: role.id, name: role.name, permissions };
}
