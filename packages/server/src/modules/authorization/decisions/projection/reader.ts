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
import { policyKey, type RoleEntry, roleKey, userKey } from "#modules/authorization/access/index.ts";
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
import type { ComposedView, DecisionQuery, RequestContext } from "./composed-view.ts";
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

/** A list may need many rounds of look-ups; a check that needs longer than this has a database that does not answer. */
const settleMs = 5_000;

const profileFields = new Set(["email", "name", "firstName", "lastName", "locale"].map((name) => `$user.${name}`));
const dataUnavailable: Decision = { allowed: false, reason: "permission_data_unavailable" };
const noContext: RequestContext = {};

/** A decision and the view that it was made from; undefined where the data for one was missing. */
export interface Decided {
  readonly decision: Decision;
  readonly view: View | undefined;
}

/**
 * Makes decisions from a {@link PolicySource}, through in-process caches that the event log invalidates (decision 0002). Never reads the
 * tables that commands write. One a process.
 */
export class DecisionReader {
  readonly #platform: Platform;
  readonly #listensSince: number;
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
    this.#listensSince = platform.clock.now();
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
    // Until the projector's announcement arrives, nothing is decided from the entries that an event has changed.
    platform.log.onEvent((event) => this.#observe(event), { ...revokingEvents, ...revokingGrantEvents });
    platform.log.onRestart(() => {
      this.clear();
      return this.start();
    });
  }

  /** Finds out what the projector has still to handle from before this process began to listen. */
  async start(): Promise<void> {
    for (const event of await this.#source.start()) this.#observe(event);
  }

  /** Forgets everything that was read; {@link start} has to follow before anything is decided. */
  clear(): void {
    this.#views.clear();
    this.#entries.clear();
    this.#policies.clear();
    this.#relationships.clear();
    this.#repairs.clear();
  }

  /** Compares everything that is cached with the database; what differs is forgotten. */
  async compareCached(): Promise<CachedDifferences> {
    const { catchUp } = this.#platform.log;
    const ofPolicy = async (): Promise<CachedDifferences> => {
      const differs = await this.#policies.compare(() => this.#entries.inTable(policyKey), catchUp);
      return { entries: differs === undefined ? 0 : 1, keys: differs ? [policyKey] : [] };
    };
    return together([await this.#entries.compare(catchUp), await ofPolicy(), await this.#relationships.compare(catchUp)]);
  }

  /** Empties the shared snapshot of the projection; it fills again with what is asked for. */
  renewSnapshot(): Promise<void> {
    return renew(this.#platform);
  }

  /** The shared snapshot, for its verification. */
  get snapshot(): Platform["snapshotCache"] {
    return this.#platform.snapshotCache;
  }

  /** Writes down what is still to be written. */
  async stop(): Promise<void> {
    await this.#policies.stop();
    await this.recorder.stop();
  }

  /** Events whose changes decisions do not contain yet. */
  get behind(): number {
    return this.#entries.behind;
  }

  /** How long the oldest of them waits for the projector, in seconds. */
  get behindSeconds(): number {
    return this.#entries.behindMs / 1_000;
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
          this.#missesProfile(error, composed);
          if (!this.#mayBeNew(error)) throw error;
        }
      }
    }
    return this.#decideSlowly(userId, organizationId, action, context, minRevision);
  }

  #decideAtOnce(view: View, organizationId: string | null, action: string, context: RequestContext): Decision | Pending {
    // Most actions have no rule about relations, and without a resource there is nothing that they could say.
    const related = context.resource !== undefined && view.plan(action).rules !== undefined;
    return related ? this.#decideFromMemory(view, organizationId, action, context) : decide(view, action, context);
  }

  /** Whether a name that the policy at hand does not know may be one that it does not contain yet. */
  #mayBeNew(error: unknown): boolean {
    const unknown = error instanceof PolicyError && (error.code === "unknown_permission" || error.code === "unknown_resource_type");
    return unknown && this.#policies.behind > 0;
  }

  /** An entry of the release before has no profile; it is written anew when a condition asks for it. */
  #missesProfile(error: unknown, { view, entries }: ComposedView): void {
    if (view?.facts.user.profile !== undefined || !(error instanceof PolicyError) || error.code !== "invalid_input") return;
    if (error.issues.some(({ field }) => profileFields.has(field)))
      this.#repairs.renew(entries.filter(({ key, value }) => value !== null && key === userKey(view?.facts.user.id ?? "")));
  }

  #decideFromMemory(view: View, organizationId: string | null, action: string, context: RequestContext): Decision | Pending {
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
      const decision = view ? decide(view, action, { ...context, relationships }) : dataUnavailable;
      return decision === pendingDecision ? pendingDecision : { decision, view, entries };
    });
    const { reason } = decided.decision;
    if (reason === "permission_data_unavailable") this.#repairs.ask(decided.entries);
    // A plan that nobody has told us is no fault of the projection; a row that is not there is.
    if (reason === "entitlement_data_unavailable") this.#repairs.ask(decided.entries.filter(({ version }) => version === null));
    return { decision: decided.decision, view: decided.view };
  }

  /**
   * Evaluates a query on a current view, again after loading the relationships that it missed, until there is an answer. A long query
   * yields to the event loop itself. Throws as `decide` does.
   */
  async settle<Answer>(
    { userId, organizationId, minRevision, action }: DecisionQuery,
    query: (composed: ComposedView, relationships: RelationshipReader) => MaybePromise<Answer | Pending>,
  ): Promise<Answer> {
    if (minRevision !== undefined) await waitForRevision(this.#platform.log, minRevision);
    await this.#containing(action === undefined ? undefined : [action]);
    const waiting = new WaitingTime(settleMs);
    for (let mayBeNew = true; !waiting.isOver; ) {
      if (isSliceSpent()) await nextSlice();
      const composed = this.#current(userId, organizationId) ?? (await waiting.on(() => this.#view(userId, organizationId)));
      // A change that was observed while the view was composed counts, too.
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
        this.#missesProfile(error, composed);
        if (!mayBeNew || !this.#mayBeNew(error)) throw error;
        mayBeNew = false;
        await waiting.on(() => this.#containing(undefined));
      }
    }
    throw new Unavailable("relationships", undefined);
  }

  /**
   * Waits until the policy at hand contains what this process knows to have changed for decisions about `actions`, or at all. A list of
   * everything has the time of a list; a check is answered within the bound.
   */
  async #containing(actions: readonly string[] | undefined): Promise<void> {
    await this.#waitUntilFresh();
    if (this.#policies.behind === 0) return;
    const now = performance.now();
    if (actions === undefined) return this.#policies.settled(everyChange, now + settleMs);
    // Where a permission stands is told by the policy at hand.
    await this.#policies.entry();
    await this.#policies.settled(this.#policies.about(actions), now + revocationBoundMs);
  }

  /** The view in memory, where it may be decided from now. */
  #current(userId: string, organizationId: string | null): ComposedView | undefined {
    return this.#platform.log.fresh ? this.#views.current(userId, organizationId) : undefined;
  }

  /** The facts of roles, without those that are not there. */
  async roleFacts(roleIds: readonly string[]): Promise<readonly RoleFacts[]> {
    const deadline = performance.now() + revocationBoundMs;
    const roles = await this.#entries.load<RoleEntry>(roleIds.map(roleKey), deadline);
    const { value: policy } = await this.#policies.entry();
    return policy === null ? [] : roles.flatMap(({ value }) => roleFacts(value, policy) ?? []);
  }

  /** The policy that decisions are made from now. Throws {@link Unavailable} where it is not there. */
  async policy(): Promise<Policy> {
    await this.#waitUntilFresh();
    await this.#policies.settled(modelChanges, performance.now() + revocationBoundMs);
    const { value } = await this.#policies.entry();
    if (value === null) throw new Unavailable("authorization projection", undefined);
    return policyOf(value);
  }

  /** Every permission that a role of the user has something to say about, by what it says; each sorted. `scopes` limits a credential. */
  permissionsOf(userId: string, organizationId: string | null, scopes?: ReadonlySet<string>): Promise<PermissionsOfUser> {
    return this.#ofView(userId, organizationId, undefined, (view) => permissionsOf(view, scopes));
  }

  /**
   * Those of `values` that the user does not hold: no role gives it without a condition, one takes it away, or it lies outside `scopes`,
   * which limits a credential.
   */
  missingPermissions(
    userId: string,
    organizationId: string | null,
    values: readonly string[],
    scopes?: ReadonlySet<string>,
  ): Promise<readonly string[]> {
    return this.#ofView(userId, organizationId, values, (view, entries) =>
      missingPermissions(view, values, { isTopHolder: entries.some(isOfTopRole), scopes }),
    );
  }

  async #ofView<Answer>(
    userId: string,
    organizationId: string | null,
    actions: readonly string[] | undefined,
    answer: (view: View | undefined, entries: readonly CachedEntry[]) => Answer,
  ): Promise<Answer> {
    await this.#containing(actions);
    const composed = this.#current(userId, organizationId) ?? (await this.#view(userId, organizationId));
    return answer(composed.view, composed.entries);
  }

  /** Composes a view, again when an entry changed meanwhile, until the revocation bound is over. */
  async #view(userId: string, organizationId: string | null): Promise<ComposedView> {
    const deadline = performance.now() + revocationBoundMs;
    while (performance.now() < deadline) {
      await this.#waitUntilFresh();
      const composed = await this.#views.compose(userId, organizationId, deadline);
      if (composed !== undefined) return composed;
    }
    throw new Unavailable("authorization projection", undefined);
  }

  /** Throws {@link Unavailable} while this process does not follow the log: its caches are not trusted then. */
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
    if ((isGrant || keys.length > 0) && event.occurredAt.getTime() >= this.#listensSince) {
      // From here on no decision is made without it: what it touches is read anew. Without what lies before, none was ever made here.
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
