import {
  applicableEntitlements,
  type Decision,
  decide,
  type Occasion,
  type Pending,
  type Policy,
  PolicyError,
  pendingDecision,
  type RelationshipReader,
  type RoleFacts,
  View,
} from "@gatehouse/policy";
import { sql } from "kysely";
import { LRUCache } from "lru-cache";
import type { MaybePromise } from "../../../operation/maybe-promise.ts";
import { reach } from "../../../operation/reach.ts";
import { everyTenant } from "../../../platform/database/database.ts";
import type { LoggedEvent } from "../../../platform/log/event.ts";
import { type Endings, revocationBoundMs } from "../../../platform/log/follower.ts";
import { readTail } from "../../../platform/log/log.ts";
import type { Platform } from "../../../platform/platform.ts";
import { Unavailable } from "../../../platform/unavailable.ts";
import { DecisionRecorder } from "../decision-recorder.ts";
import { GrantChanged, GrantCreated, GrantRevoked, ReadModelChanged } from "../events.ts";
import { repairJob } from "../jobs.ts";
import { type CachedDifferences, compareCached } from "./compare-cached.ts";
import { policyOf, roleFacts } from "./compiled-parts.ts";
import {
  type EffectivePart,
  type EntitlementsPart,
  entitlementsKey,
  everyEffectiveList,
  isEffectiveKey,
  type MembershipPart,
  membershipKey,
  type PolicyPart,
  policyKey,
  projectorName,
  type RolePart,
  roleKey,
  type TenantPart,
  tenantStatusKey,
  type UserPart,
  userKey,
} from "./keys.ts";
import { leaveLineage } from "./lineage.ts";
import { type Part, Parts } from "./parts.ts";
import { PartsSource } from "./parts-source.ts";
import { Pending as PendingParts } from "./pending.ts";
import { RelationshipMemory, type RelationshipQuestion } from "./relationship-memory.ts";
import { keysTouchedBy, projectedEndings, projectedTypes } from "./touched.ts";

/** What decisions about one user in one scope are made from, with the parts that it was put together from. */
export interface HeldView {
  /** Undefined where the policy itself is missing: then nothing can be decided. */
  readonly view: View | undefined;
  readonly parts: readonly Part[];
  /** How many parts had become stale when these were last looked at. */
  lookedAt: number;
}

export interface PermissionsOfUser {
  /** A role gives it without a condition and none takes it away: what one must hold to give it to others. */
  readonly held: readonly string[];
  /** A check of it is allowed, whatever the resource and the request. */
  readonly always: readonly string[];
  /** A check depends on the resource, the request or the plan. */
  readonly conditional: readonly string[];
}

/** What a question knows beside the subject and the tenant. */
export type Asked = Omit<Occasion, "relationships">;

const viewsMax = 200_000;
/** A missing part is put right once, not by every check that misses it. */
const repairEveryMs = 10_000;
/** A list may need many rounds of look-ups; a check that needs longer than this has a database that does not answer. */
const settleMs = 5_000;

const internalTenant: TenantPart = { status: "Active" };
const dataUnavailable: Decision = { allowed: false, reason: "permission_data_unavailable" };
const anywhere: Asked = {};
const noEntitlements: Readonly<Record<string, unknown>> = {};

/**
 * Answers decisions from the read model: memory, then the cache, then the read model's table (decision 0002); never from the
 * tables that commands write. Relationships are read from their own table by index. One a process.
 */
export class AccessReader {
  readonly #platform: Platform;
  readonly #listensSince: number;
  readonly #parts: Parts;
  readonly #relationships: RelationshipMemory;
  readonly #pending = new PendingParts();
  readonly #views = new LRUCache<string, HeldView>({ max: viewsMax });
  readonly #source: PartsSource;
  readonly #repaired = new Map<string, number>();
  readonly recorder: DecisionRecorder;
  /** The newest policy that a view was made with. */
  #policy: Policy | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#listensSince = platform.clock.now();
    this.recorder = new DecisionRecorder(platform);
    this.#source = new PartsSource(platform);
    this.#parts = new Parts((keys) => this.#source.fetch(keys));
    this.#relationships = new RelationshipMemory(platform);
    // What the worker has made of an event is no ending: until it is heard, what the event touched is not decided from.
    platform.log.onEvent((event) => this.#hear(event), { ...projectedEndings, ...grantEndings });
    platform.log.onRestart(() => {
      this.forgetAll();
      return this.start();
    });
  }

  /** Forgets everything that was read; {@link start} has to follow before anything is decided. */
  forgetAll(): void {
    this.#views.clear();
    this.#parts.forgetWhere(() => true);
    this.#relationships.forgetAll();
    this.#pending.clear();
    this.#repaired.clear();
  }

  /** Compares everything that is cached with the database; what differs is forgotten. */
  async compareCached(): Promise<CachedDifferences> {
    const { catchUp } = this.#platform.log;
    const entries = await compareCached(this.#parts, (keys) => this.#source.fromTable(keys), catchUp);
    const relationships = await this.#relationships.compare(catchUp);
    return { entries: entries.entries + relationships.entries, keys: [...entries.keys, ...relationships.keys] };
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
    await leaveLineage(this.#platform);
    await this.#source.start();
  }

  /** Writes down what is still to be written. */
  async stop(): Promise<void> {
    await this.recorder.stop();
  }

  /** Events whose changes decisions do not contain yet. */
  get behind(): number {
    return this.#pending.size;
  }

  /**
   * Decides whether the user may perform `action` in the organization (null: the internal scope), no older than any
   * write that this process knows of, and than `minRevision` when it is given.
   * Throws {@link Unavailable} when it cannot know, RevisionNotReached when `minRevision` does not come in time, PolicyError as
   * the engine does.
   */
  decide(
    userId: string,
    organizationId: string | null,
    action: string,
    asked: Asked = anywhere,
    minRevision?: string,
  ): MaybePromise<Decision> {
    const { log } = this.#platform;
    if (log.fresh && (minRevision === undefined || log.hasSeen(minRevision))) {
      const held = this.#views.get(viewKey(userId, organizationId));
      if (held?.view !== undefined && !this.#isStale(held)) {
        const { view } = held;
        // Most actions have no rule about relations, and without a resource there is nothing that they could say.
        const related = asked.resource !== undefined && view.plan(action).rules !== undefined;
        const decision = related ? this.#decideFromMemory(view, organizationId, action, asked) : decide(view, action, asked);
        if (decision !== pendingDecision) return decision;
      }
    }
    return this.#decideSlowly(userId, organizationId, action, asked, minRevision);
  }

  #decideFromMemory(view: View, organizationId: string | null, action: string, asked: Asked): Decision | Pending {
    const relationships = this.#relationships.ask(organizationId);
    return orPending(relationships, () => decide(view, action, { ...asked, relationships }));
  }

  async #decideSlowly(
    userId: string,
    organizationId: string | null,
    action: string,
    asked: Asked,
    minRevision: string | undefined,
  ): Promise<Decision> {
    const decided = await this.settle(userId, organizationId, minRevision, ({ view, parts }, relationships) => {
      const decision = view ? decide(view, action, { ...asked, relationships }) : dataUnavailable;
      return decision === pendingDecision ? pendingDecision : { decision, parts };
    });
    const { reason } = decided.decision;
    if (reason === "permission_data_unavailable") this.#repair(decided.parts);
    // A plan that nobody has told us is no fault of the read model; a row that is not there is.
    if (reason === "entitlement_data_unavailable") this.#repair(decided.parts.filter(({ version }) => version === null));
    return decided.decision;
  }

  /**
   * Asks a question of a view that is current, again after loading the relationships that it missed, until it has its answer.
   * Throws as `decide` does.
   */
  async settle<Answer>(
    userId: string,
    organizationId: string | null,
    minRevision: string | undefined,
    question: (held: HeldView, relationships: RelationshipReader) => Answer | Pending,
  ): Promise<Answer> {
    if (minRevision !== undefined) await reach(this.#platform.log, minRevision);
    const deadline = performance.now() + settleMs;
    while (performance.now() < deadline) {
      const held = this.#current(userId, organizationId) ?? (await this.#view(userId, organizationId));
      const relationships = this.#relationships.ask(organizationId);
      const answer = orPending(relationships, () => question(held, relationships));
      if (answer !== pendingDecision) return answer;
      await this.#relationships.load(relationships);
    }
    throw new Unavailable("relationships", undefined);
  }

  /** What the plan says about an action that was just decided (S3 §8, applicableEntitlements). */
  entitlementsFor(userId: string, organizationId: string | null, action: string): Readonly<Record<string, unknown>> {
    // Few installations require entitlements, and of few actions.
    if (this.#policy?.action(action)?.requirement === undefined) return noEntitlements;
    const held = this.#views.get(viewKey(userId, organizationId));
    return held?.view ? applicableEntitlements(held.view, action) : noEntitlements;
  }

  /** The view in memory, where it may be decided from now. */
  #current(userId: string, organizationId: string | null): HeldView | undefined {
    const held = this.#platform.log.fresh ? this.#views.get(viewKey(userId, organizationId)) : undefined;
    return held && !this.#isStale(held) ? held : undefined;
  }

  /** The facts of roles, without those that are not there. */
  async roleFacts(roleIds: readonly string[]): Promise<readonly RoleFacts[]> {
    const deadline = performance.now() + revocationBoundMs;
    const roles = await this.#load<RolePart>(roleIds.map(roleKey), deadline);
    const lists = await this.#load<EffectivePart>(
      roles.flatMap(({ value }) => (value ? [value.effective] : [])),
      deadline,
    );
    const listOf = new Map(lists.map((list) => [list.key, list.value]));
    return roles.flatMap(({ value }) => roleFacts(value, listOf) ?? []);
  }

  /** The policy that decisions are made from now. Throws {@link Unavailable} where it is not there. */
  async policy(): Promise<Policy> {
    if (!(await this.#platform.log.heard())) throw new Unavailable("event log", undefined);
    const [part] = await this.#load<PolicyPart>([policyKey], performance.now() + revocationBoundMs);
    if (!part?.value) throw new Unavailable("access read model", undefined);
    return policyOf(part.value);
  }

  /** Every permission that a role of the user has something to say about, by what it says; each sorted. */
  async permissionsOf(userId: string, organizationId: string | null): Promise<PermissionsOfUser> {
    const { view } = await this.#view(userId, organizationId);
    const found = { held: [] as string[], always: [] as string[], conditional: [] as string[] };
    if (view === undefined || view.refusal !== undefined) return found;
    for (const value of [...view.policy.tree.values()].sort()) {
      const { always, allowing, denying, rules } = view.plan(value);
      if (denying.length === 0 && allowing.some(({ condition }) => condition === undefined)) found.held.push(value);
      const settled = always !== undefined && ("reason" in always ? always.allowed : always.effect === "allow");
      if (settled) found.always.push(value);
      else if (always === undefined && (allowing.length > 0 || rules !== undefined)) found.conditional.push(value);
    }
    return found;
  }

  /** Permissions that roles of the user give under a condition that reads `placeholder` (`$user.`, `$tenant.`), sorted. */
  async givenBy(placeholder: string, userId: string, organizationId: string): Promise<readonly string[]> {
    const { view } = await this.#view(userId, organizationId);
    const found = (view?.roles ?? []).flatMap(({ rules }) =>
      [...rules.others].flatMap(([permission, others]) => (others.some((rule) => reads(rule, placeholder)) ? [permission] : [])),
    );
    return [...new Set(found)].sort();
  }

  /** Looks at a view's parts only where some part has become stale since: of thousands of decisions few come after a change. */
  #isStale(held: HeldView): boolean {
    const { staled } = this.#parts;
    if (held.lookedAt === staled) return false;
    for (const part of held.parts) if (part.stale) return true;
    held.lookedAt = staled;
    return false;
  }

  /** Puts a view together, again when a part changed meanwhile, until the revocation bound is over. */
  async #view(userId: string, organizationId: string | null): Promise<HeldView> {
    const deadline = performance.now() + revocationBoundMs;
    while (performance.now() < deadline) {
      // Cut off from the log, memory is not trusted and neither is what was asked of it (ARCHITECTURE, idea 9).
      if (!(await this.#platform.log.heard())) throw new Unavailable("event log", undefined);
      const view = await this.#compose(userId, organizationId, deadline);
      if (this.#isStale(view)) continue;
      this.#views.set(viewKey(userId, organizationId), view);
      return view;
    }
    throw new Unavailable("access read model", undefined);
  }

  async #compose(userId: string, organizationId: string | null, deadline: number): Promise<HeldView> {
    const keys = [policyKey, membershipKey(userId, organizationId), userKey(userId)];
    if (organizationId !== null) keys.push(tenantStatusKey(organizationId), entitlementsKey(organizationId));
    const [policy, membership, user, tenant, entitlements] = (await this.#load(keys, deadline)) as [
      Part<PolicyPart>,
      Part<MembershipPart>,
      Part<UserPart>,
      Part<TenantPart> | undefined,
      Part<EntitlementsPart> | undefined,
    ];
    const roleIds = membership.value?.roleIds ?? [];
    const roles = (await this.#load<RolePart>(roleIds.map(roleKey), deadline)) as readonly Part<RolePart>[];
    const lists = await this.#load<EffectivePart>(
      roles.flatMap((role) => (role.value ? [role.value.effective] : [])),
      deadline,
    );
    const listOf = new Map(lists.map((list) => [list.key, list.value]));
    const parts = [policy, membership, user, ...(tenant ? [tenant] : []), ...(entitlements ? [entitlements] : []), ...roles, ...lists];
    if (policy.value === null) return { view: undefined, parts, lookedAt: -1 };
    const inScope = organizationId === null ? internalTenant : tenant?.value;
    const facts = {
      user: { id: userId, status: user.value?.status, attributes: membership.value?.attributes },
      tenant: {
        id: organizationId,
        status: inScope?.status,
        attributes: inScope?.attributes,
        entitlements: entitlements?.value ?? undefined,
      },
      roles: membership.value === null ? undefined : roles.map((role) => roleFacts(role.value, listOf)),
    };
    this.#policy = policyOf(policy.value);
    return { view: new View(this.#policy, facts), parts, lookedAt: -1 };
  }

  async #load<Value>(keys: readonly string[], deadline: number): Promise<readonly Part<Value>[]> {
    if (keys.length === 0) return [];
    if (!(await this.#pending.settled(keys, deadline))) throw new Unavailable("access read model", undefined);
    const { readModelLookups } = this.#platform.metrics;
    const known = this.#parts.known(keys);
    if (known > 0) readModelLookups.inc({ found: "memory" }, known);
    return (await this.#parts.load(keys)) as readonly Part<Value>[];
  }

  #hear(event: LoggedEvent): void {
    if (event.type === ReadModelChanged.type) {
      const { handled, keys, number } = event.data as { handled: readonly string[]; keys: readonly string[]; number?: number };
      if (number !== undefined) this.#source.hear(number);
      for (const key of keys) this.#parts.forget(key);
      this.#pending.handled(handled);
      return;
    }
    const keys = keysTouchedBy(event);
    const isGrant = event.type in grantEndings;
    if ((isGrant || keys.length > 0) && event.occurredAt.getTime() >= this.#listensSince) {
      // From here on no decision is made without it: what it touches is read anew. Without what lies before, none was ever made here.
      this.#platform.metrics.revocationSeconds.observe(Math.max(0, this.#platform.clock.now() - event.occurredAt.getTime()) / 1_000);
    }
    if (isGrant) {
      const { resource, relation, subject } = event.data as unknown as GrantOfEvent;
      this.#relationships.forget(event.organizationId, resource, relation, { ...subject, relation: subject.relation ?? undefined });
      return;
    }
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

/** A placeholder stands in a condition as a text of its own, so its JSON shows it. */
const reads = ({ condition }: { readonly condition: unknown }, placeholder: string): boolean =>
  condition !== undefined && JSON.stringify(condition).includes(`"${placeholder}`);

/** A grant's event says all that its look-ups are found by; the table is read again, so no worker stands between. */
const grantFields = ["resource", "relation", "subject"];
const grantEndings: Endings = { [GrantCreated.type]: grantFields, [GrantChanged.type]: grantFields, [GrantRevoked.type]: grantFields };
interface GrantOfEvent {
  readonly resource: { readonly type: string; readonly id: string };
  readonly relation: string;
  readonly subject: { readonly type: string; readonly id: string; readonly relation?: string | null };
}

/** A limit that was met while something was not at hand says nothing yet: what was missing may be all that it takes. */
function orPending<Answer>({ missing }: RelationshipQuestion, ask: () => Answer | Pending): Answer | Pending {
  try {
    return ask();
  } catch (error) {
    if (missing.size > 0 && error instanceof PolicyError && error.code === "evaluation_limit") return pendingDecision;
    throw error;
  }
}
