import {
  type Decision,
  decide,
  type Pending,
  type Policy,
  PolicyError,
  pendingDecision,
  type RelationshipReader,
  type RoleFacts,
  type View,
} from "@gatehouse/policy";
import { type HolderKind, policyKey, type RoleEntry, roleKey, userKey } from "#modules/authorization/access/index.ts";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { waitForRevision } from "#operation/kernel/wait-for-revision.ts";
import type { LoggedEvent } from "#platform/log/event.ts";
import { revocationBoundMs } from "#platform/log/follower.ts";
import type { Platform } from "#platform/platform.ts";
import { isSliceSpent, nextSlice } from "#platform/time-slice.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { DecisionBudgets } from "../decision-budgets.ts";
import { DecisionRecorder } from "../decision-recorder.ts";
import { ProjectionChanged } from "../events.ts";
import type { PolicySource } from "../policy-source.ts";
import { type CachedDifferences, together } from "./compare-cached.ts";
import { policyOf, roleFacts } from "./compiled-entries.ts";
import { type ComposedView, type DecisionQuery, isOfOtherKind, type RequestContext } from "./composed-view.ts";
import { CurrentPolicy, everyChange, modelChanges } from "./current-policy.ts";
import { EntryCache } from "./entry-cache.ts";
import type { CachedEntry } from "./entry-map.ts";
import { type GrantOfEvent, revokingGrantEvents } from "./grant-events.ts";
import { isOfTopRole, missingPermissions, type PermissionsOfUser, permissionsOf } from "./holdings.ts";
import { orPending, orPendingLater, RelationshipCache } from "./relationship-cache.ts";
import { Repairs } from "./repairs.ts";
import { renew } from "./snapshot.ts";
import { keysTouchedBy, policyChangeOf, revokingEvents } from "./touched.ts";
import { ViewCache } from "./view-cache.ts";
import { WaitingTime } from "./waiting-time.ts";

/** A list may need many rounds of look-ups. If a check needs longer, the database does not respond. */
const settleMs = 5_000;

const profileFields = new Set(["email", "name", "firstName", "lastName", "locale"].map((name) => `$user.${name}`));
const dataUnavailable: Decision = { allowed: false, reason: "permission_data_unavailable" };
const notAMember: Decision = { allowed: false, reason: "not_a_member" };
const noContext: RequestContext = {};

/** The expected subject of a query about permissions, and the limit of its credential. */
export interface HoldingsOptions {
  /** The expected kind of the subject. A subject of the other kind has no permissions. */
  readonly kind?: HolderKind | undefined;
  /** The limit of a credential. */
  readonly scopes?: ReadonlySet<string> | undefined;
}

interface SubjectOfView {
  readonly userId: string;
  readonly organizationId: string | null;
  readonly kind: HolderKind | undefined;
}

/** A decision and its view; the view is undefined if its data was missing. */
export interface Decided {
  readonly decision: Decision;
  readonly view: View | undefined;
}

/**
 * Makes decisions from a {@link PolicySource}, through in-process caches that the event log invalidates (decision 0002). Never reads the
 * tables that commands write. One instance per process.
 */
export class DecisionReader {
  readonly #platform: Platform;
  readonly #observesSince: number;
  readonly #source: PolicySource;
  readonly #entries: EntryCache;
  readonly #relationships: RelationshipCache;
  readonly #views: ViewCache;
  readonly #policies: CurrentPolicy;
  readonly #repairs: Repairs;
  readonly recorder: DecisionRecorder;
  readonly budgets: DecisionBudgets;

  constructor(platform: Platform, source: PolicySource) {
    this.#platform = platform;
    this.#source = source;
    this.budgets = new DecisionBudgets(platform.settings);
    this.#observesSince = platform.clock.now();
    this.recorder = new DecisionRecorder(platform);
    this.#entries = new EntryCache(platform, source);
    this.#policies = new CurrentPolicy({
      fetch: () => this.#entries.stored(policyKey),
      isProjected: (eventId) => this.#entries.isProjected(eventId),
    });
    this.#views = new ViewCache(this.#entries, this.#policies, platform.settings.cacheBytes / 4);
    this.#relationships = new RelationshipCache(platform, source);
    this.#repairs = new Repairs(platform, (keys) => {
      this.#entries.invalidate(keys);
      if (keys.includes(policyKey)) this.#policies.invalidate();
    });
    // Until the projector's announcement arrives, no decision uses the entries that an event has changed.
    platform.log.onEvent((event) => this.#observe(event), { ...revokingEvents, ...revokingGrantEvents });
    platform.log.onRestart(() => {
      this.clear();
      return this.start();
    });
  }

  /** Observes earlier events that the projector has not handled yet. */
  async start(): Promise<void> {
    for (const event of await this.#source.start()) this.#observe(event);
  }

  /** Clears all caches. {@link start} must follow before the next decision. */
  clear(): void {
    this.#views.clear();
    this.#entries.clear();
    this.#policies.clear();
    this.#relationships.clear();
    this.#repairs.clear();
  }

  /** Compares all cached entries with the database and invalidates those that differ. */
  async compareCached(): Promise<CachedDifferences> {
    const { catchUp } = this.#platform.log;
    const ofPolicy = async (): Promise<CachedDifferences> => {
      const differs = await this.#policies.compare(() => this.#entries.inTable(policyKey), catchUp);
      return { entries: differs === undefined ? 0 : 1, keys: differs ? [policyKey] : [] };
    };
    return together([await this.#entries.compare(catchUp), await ofPolicy(), await this.#relationships.compare(catchUp)]);
  }

  /** Empties the Redis snapshot of the projection; reads fill it again. */
  renewSnapshot(): Promise<void> {
    return renew(this.#platform);
  }

  /** The Redis snapshot, for its verification. */
  get snapshot(): Platform["snapshotCache"] {
    return this.#platform.snapshotCache;
  }

  /** Stops loading policies and writes the recorded decisions. */
  async stop(): Promise<void> {
    await this.#policies.stop();
    await this.recorder.stop();
  }

  /** The number of events whose changes decisions do not contain yet. */
  get behind(): number {
    return this.#entries.behind;
  }

  /** The age of the oldest of them, in seconds. */
  get behindSeconds(): number {
    return this.#entries.behindMs / 1_000;
  }

  /**
   * Decides whether the user may perform `action` in the organization (null: the internal scope). The decision contains every write that this
   * process has observed, and `minRevision` if given. Throws {@link Unavailable} if that cannot be guaranteed, RevisionNotReached if
   * `minRevision` does not arrive in time, and PolicyError like the engine.
   */
  decide(
    userId: string,
    organizationId: string | null,
    action: string,
    context: RequestContext = noContext,
    minRevision?: string,
  ): MaybePromise<Decided> {
    const { log } = this.#platform;
    if (log.fresh && (minRevision === undefined || log.hasSeen(minRevision))) {
      const composed = this.#views.current(userId, organizationId);
      if (composed?.view !== undefined && !this.#policies.concerns(action)) {
        try {
          const decision = this.#decideAtOnce(composed.view, organizationId, action, context);
          if (decision !== pendingDecision) {
            this.#platform.metrics.projectionHits.count += composed.entries.length;
            return { decision, view: composed.view };
          }
        } catch (error) {
          this.#renewProfile(error, composed);
          if (!this.#mayBeNew(error)) throw error;
        }
      }
    }
    return this.#decideSlowly(userId, organizationId, action, context, minRevision);
  }

  #decideAtOnce(view: View, organizationId: string | null, action: string, context: RequestContext): Decision | Pending {
    if (isOfOtherKind(view, context.subjectKind)) return notAMember;
    // Most actions have no rule about relations, and without a resource no relation applies.
    const related = context.resource !== undefined && view.plan(action).rules !== undefined;
    return related ? this.#decideFromCache(view, organizationId, action, context) : decide(view, action, context);
  }

  /** Whether a name that is unknown to the current policy may be defined by a pending change. */
  #mayBeNew(error: unknown): boolean {
    const unknown = error instanceof PolicyError && (error.code === "unknown_permission" || error.code === "unknown_resource_type");
    return unknown && this.#policies.behind > 0;
  }

  /**
   * Requests a new user entry if a condition reads the profile and the entry, written by the previous release, has none. Service accounts
   * never have one.
   */
  #renewProfile(error: unknown, { view, entries }: ComposedView): void {
    if (view?.facts.user.profile !== undefined || view?.subject.type === "service") return;
    if (!(error instanceof PolicyError) || error.code !== "invalid_input") return;
    if (error.issues.some(({ field }) => profileFields.has(field)))
      this.#repairs.renew(entries.filter(({ key, value }) => value !== null && key === userKey(view?.facts.user.id ?? "")));
  }

  #decideFromCache(view: View, organizationId: string | null, action: string, context: RequestContext): Decision | Pending {
    const relationships = this.#relationships.reading(organizationId);
    return orPending(relationships, () => decide(view, action, { ...context, relationships }));
  }

  async #decideSlowly(
    userId: string,
    organizationId: string | null,
    action: string,
    context: RequestContext,
    minRevision: string | undefined,
  ): Promise<Decided> {
    const about = { userId, organizationId, minRevision, action };
    const decided = await this.settle(about, ({ view, entries }, relationships) => {
      if (view && isOfOtherKind(view, context.subjectKind)) return { decision: notAMember, view, entries };
      const decision = view ? decide(view, action, { ...context, relationships }) : dataUnavailable;
      return decision === pendingDecision ? pendingDecision : { decision, view, entries };
    });
    const { reason } = decided.decision;
    if (reason === "permission_data_unavailable") this.#repairs.request(decided.entries);
    // Unset entitlements are no error of the projection, but a missing row is.
    if (reason === "entitlement_data_unavailable") this.#repairs.request(decided.entries.filter(({ version }) => version === null));
    return { decision: decided.decision, view: decided.view };
  }

  /**
   * Evaluates a query on a current view. Repeats it after loading missing relationships until it has an answer. A long query yields to the
   * event loop itself. Throws like {@link decide}.
   */
  async settle<Answer>(
    { userId, organizationId, minRevision, action }: DecisionQuery,
    query: (composed: ComposedView, relationships: RelationshipReader) => MaybePromise<Answer | Pending>,
  ): Promise<Answer> {
    if (minRevision !== undefined) await waitForRevision(this.#platform.log, minRevision);
    await this.#containing(action === undefined ? undefined : [action]);
    const waiting = new WaitingTime(settleMs);
    for (let mayBeNew = true; !waiting.isExpired; ) {
      if (isSliceSpent()) await nextSlice();
      const composed = this.#current(userId, organizationId) ?? (await waiting.on(() => this.#view(userId, organizationId)));
      // A change may have been observed while the view was composed.
      if (action !== undefined && this.#policies.concerns(action)) {
        await waiting.on(() => this.#containing([action]));
        continue;
      }
      const relationships = this.#relationships.reading(organizationId);
      try {
        const answer = await orPendingLater(relationships, async () => query(composed, relationships));
        if (answer !== pendingDecision) return answer;
        await waiting.on(() => this.#relationships.load(relationships));
      } catch (error) {
        this.#renewProfile(error, composed);
        if (!mayBeNew || !this.#mayBeNew(error)) throw error;
        mayBeNew = false;
        await waiting.on(() => this.#containing(undefined));
      }
    }
    throw new Unavailable("relationships", undefined);
  }

  /**
   * Waits until the current policy contains the observed changes that concern decisions about `actions`, or without actions all changes. A
   * list may wait longer than a check, which is limited by the revocation bound.
   */
  async #containing(actions: readonly string[] | undefined): Promise<void> {
    await this.#waitUntilFresh();
    if (this.#policies.behind === 0) return;
    const now = performance.now();
    if (actions === undefined) return this.#policies.settled(everyChange, now + settleMs);
    // The current policy has the ancestors of a permission.
    await this.#policies.entry();
    await this.#policies.settled(this.#policies.about(actions), now + revocationBoundMs);
  }

  /** The cached view if decisions may use it now. */
  #current(userId: string, organizationId: string | null): ComposedView | undefined {
    return this.#platform.log.fresh ? this.#views.current(userId, organizationId) : undefined;
  }

  /** The facts of roles; missing roles are left out. */
  async roleFacts(roleIds: readonly string[]): Promise<readonly RoleFacts[]> {
    const deadline = performance.now() + revocationBoundMs;
    const roles = await this.#entries.load<RoleEntry>(roleIds.map(roleKey), deadline);
    const { value: policy } = await this.#policies.entry();
    return policy === null ? [] : roles.flatMap(({ value }) => roleFacts(value, policy) ?? []);
  }

  /** The current policy. Throws {@link Unavailable} if it is missing. */
  async policy(): Promise<Policy> {
    await this.#waitUntilFresh();
    await this.#policies.settled(modelChanges, performance.now() + revocationBoundMs);
    const { value } = await this.#policies.entry();
    if (value === null) throw new Unavailable("authorization projection", undefined);
    return policyOf(value);
  }

  /** The permissions that the user or service account has, always or conditionally; each list is sorted. */
  permissionsOf(userId: string, organizationId: string | null, { kind, scopes }: HoldingsOptions = {}): Promise<PermissionsOfUser> {
    return this.#ofView({ userId, organizationId, kind }, undefined, (view) => permissionsOf(view, scopes));
  }

  /**
   * Those of `values` that the user or service account does not hold: no role allows it without a condition, a role denies it, or it is
   * outside the scopes.
   */
  missingPermissions(
    userId: string,
    organizationId: string | null,
    values: readonly string[],
    { kind, scopes }: HoldingsOptions = {},
  ): Promise<readonly string[]> {
    return this.#ofView({ userId, organizationId, kind }, values, (view, entries) =>
      missingPermissions(view, values, { isTopHolder: entries.some(isOfTopRole), scopes }),
    );
  }

  async #ofView<Answer>(
    { userId, organizationId, kind }: SubjectOfView,
    actions: readonly string[] | undefined,
    answer: (view: View | undefined, entries: readonly CachedEntry[]) => Answer,
  ): Promise<Answer> {
    await this.#containing(actions);
    const composed = this.#current(userId, organizationId) ?? (await this.#view(userId, organizationId));
    const isExpected = composed.view === undefined || !isOfOtherKind(composed.view, kind);
    return isExpected ? answer(composed.view, composed.entries) : answer(undefined, []);
  }

  /** Composes a view; repeats it if an entry changed meanwhile, until the revocation bound expires. */
  async #view(userId: string, organizationId: string | null): Promise<ComposedView> {
    const deadline = performance.now() + revocationBoundMs;
    while (performance.now() < deadline) {
      await this.#waitUntilFresh();
      const composed = await this.#views.compose(userId, organizationId, deadline);
      if (composed !== undefined) return composed;
    }
    throw new Unavailable("authorization projection", undefined);
  }

  /** Throws {@link Unavailable} while this process does not follow the log: its caches must not be used then. */
  async #waitUntilFresh(): Promise<void> {
    const { log } = this.#platform;
    if (!log.fresh && !(await log.observed())) throw new Unavailable("event log", undefined);
  }

  #observe(event: LoggedEvent): void {
    if (event.type === ProjectionChanged.type) {
      const { handled, keys } = event.data as { readonly handled: readonly string[]; readonly keys: readonly string[] };
      this.#entries.announced(handled, keys);
      if (keys.includes(policyKey)) this.#policies.announced();
      this.#policies.handled();
      return;
    }
    const keys = keysTouchedBy(event);
    const isGrant = event.type in revokingGrantEvents;
    if ((isGrant || keys.length > 0) && event.occurredAt.getTime() >= this.#observesSince) {
      // From now on every decision contains the change. Older events are not measured: this process never decided without them.
      this.#platform.metrics.revocationSeconds.observe(Math.max(0, this.#platform.clock.now() - event.occurredAt.getTime()) / 1_000);
    }
    if (isGrant) {
      const { resource, relation, subject } = event.data as unknown as GrantOfEvent;
      this.#relationships.invalidate(event.organizationId, resource, relation, { ...subject, relation: subject.relation ?? undefined });
      return;
    }
    if (keys.length === 0) return;
    this.#entries.changed(event.id, keys);
    const change = policyChangeOf(event);
    if (change !== undefined) this.#policies.changed(event.id, change);
  }
}
