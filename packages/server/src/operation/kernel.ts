import { v7 as uuid } from "uuid";
import {
  everyTenant,
  internalScope,
  type ReadHandle,
  type Scope,
  tenantScope,
  userScope,
  type WriteHandle,
} from "#platform/database/database.ts";
import { isTransient, Unavailable } from "#platform/database/faults.ts";
import { type ReplicaReads, replicaReads } from "#platform/database/replica-reads.ts";
import { widen } from "#platform/database/scoped.ts";
import { takeByAddress } from "#platform/limits/by-address.ts";
import type { NewEvent } from "#platform/log/event.ts";
import { append, OvertakenError, takeTurn } from "#platform/log/log.ts";
import type { Platform } from "#platform/platform.ts";
import { bulkheadOf, type Places } from "#platform/resilience/bulkhead.ts";
import { administrationAtOnce, type BulkheadName, bulkheads, policies, signInsAtOnce } from "#platform/resilience/policies.ts";
import { type AuditedCall, type AuditNote, type AuditResult, recordAudit } from "./audit.ts";
import { AuditNotes } from "./audit-notes.ts";
import { type Authorizer, authorize } from "./authorization.ts";
import { type EndedCall, logFields, logLevelOf } from "./call-log.ts";
import { anonymous, type Caller, type Origin, type UserCaller } from "./caller.ts";
import { canonicalInput } from "./canonical.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Answer, Call, Dispatch } from "./dispatch.ts";
import {
  CredentialInvalid,
  CredentialRequired,
  type ErrorDefinition,
  type ErrorDetail,
  OperationError,
  TooManyRequests,
  VersionConflict,
} from "./errors.ts";
import type { EventDefinition } from "./event.ts";
import { claimKey, claimOf, keepAnswer, releaseKey } from "./idempotency.ts";
import { after, type MaybePromise } from "./maybe-promise.ts";
import type { AnyModule, Audit, Emit, Enqueue } from "./module.ts";
import type { Operation } from "./operation.ts";
import { pageRequest } from "./paging.ts";
import { appendedSubject } from "./rpc/subjects.ts";
import { tracedDispatch } from "./traced.ts";
import { type InputCheck, inputCheck } from "./validate.ts";
import { familyOf } from "./versions.ts";

/** Tries of a command that another transaction was in the way of. */
const { times: retriesMax, firstPauseMs } = policies["postgresql.primary"].retries;

/**
 * Runs operations: validates, authorizes, opens the transaction, and commits state, events, audit entry and
 * idempotent answer together. The in-process end of the dispatch port.
 */
export class Kernel {
  readonly catalogue: Catalogue;
  readonly platform: Platform;
  readonly notes: AuditNotes;
  readonly #states = new Map<string, unknown>();
  readonly #runnable = new Map<string, Runnable>();
  readonly #places: Readonly<Record<BulkheadName, Places>>;
  readonly #readQuery: ReplicaReads;
  #authorizer: Authorizer = { holds: () => "unavailable", notHeld: async (_userId, _organizationId, permissions) => permissions };

  constructor(catalogue: Catalogue, platform: Platform) {
    this.catalogue = catalogue;
    this.platform = platform;
    this.dispatch = tracedDispatch((call) => this.#dispatch(call), catalogue.byName, platform.tracer);
    this.notes = new AuditNotes(platform);
    this.#readQuery = replicaReads({ ...platform, need: () => platform.log.replicaNeed });
    this.#places = {
      administration: bulkheadOf(
        "administration",
        bulkheads.administration,
        administrationAtOnce(connectionsOf(platform)),
        platform.metrics,
      ),
      "sign-in": bulkheadOf("sign-in", bulkheads["sign-in"], signInsAtOnce, platform.metrics),
    };
    for (const { module, operations } of catalogue.contexts) {
      this.#states.set(module.name, module.declaration.state?.(platform));
      for (const operation of operations) {
        this.#runnable.set(operation.name, {
          operation,
          bulkhead: operation.fromMemory ? undefined : this.#places[operation.hashes ? "sign-in" : "administration"],
          measuredAs: `${operation.kind} ${operation.name}`,
          module,
          check: inputCheck(operation.input),
          canonical: canonicalInput(operation.input),
        });
        if (operation.deprecated !== undefined) countFromNone(operation, platform);
      }
    }
  }

  /** Given once at start, by the runtime: the module that knows who holds what. */
  authorizeWith(authorizer: Authorizer): void {
    this.#authorizer = authorizer;
  }

  get authorizer(): Authorizer {
    return this.#authorizer;
  }

  stateOf<State>(module: { readonly name: string }): State {
    return this.#states.get(module.name) as State;
  }

  readonly dispatch: Dispatch;

  #dispatch(call: Call): MaybePromise<Answer> {
    const runnable = this.#runnable.get(call.operation);
    if (!runnable) throw new Error(`no operation is named ${call.operation}`);
    const began = performance.now();
    const trail: Trail = { note: {}, tenant: undefined, stage: "before" };
    const failed = (error: unknown): never => {
      if (error instanceof OperationError) this.#noteRefusal(runnable.operation, call, trail, error);
      const outcome = error instanceof OperationError ? error.definition.code : "fault";
      this.#observe(runnable, { call, outcome, trail }, began);
      throw error;
    };
    const answered = (answer: Answer): Answer => {
      if (runnable.operation.noted !== undefined)
        this.notes.add(this.#audited(runnable.operation, call, trail), { result: "success", reason: null });
      this.#observe(runnable, { call, outcome: "ok", trail, output: answer.output }, began);
      return answer;
    };
    let answer: MaybePromise<Answer>;
    try {
      answer = this.#run(runnable, call, trail);
    } catch (error) {
      return failed(error);
    }
    return answer instanceof Promise ? answer.then(answered, failed) : answered(answer);
  }

  /** One measurement a call, and one line of the log (call-log.ts). */
  #observe({ operation, measuredAs }: Runnable, ended: EndedCall, began: number): void {
    const { logger, metrics } = this.platform;
    const { call, outcome } = ended;
    const milliseconds = performance.now() - began;
    metrics.operationSeconds.observe(measuredAs, outcome, milliseconds / 1_000);
    metrics.activity[operation.kind].note(outcome === "fault", milliseconds);
    if (operation.deprecated !== undefined) metrics.deprecatedCalls.inc({ operation: operation.name, caller: call.caller.kind });
    const level = logLevelOf(operation, call, outcome);
    if (logger.isLevelEnabled(level)) logger[level](logFields(operation, ended, milliseconds), `${operation.name}: ${outcome}`);
  }

  /** What was refused, or failed for a rule, is noted; what was asked for wrongly, or is not there, is not. */
  #noteRefusal(operation: Operation, call: Call, trail: Trail, { definition: { code, status } }: OperationError): void {
    if (call.caller.kind === "system") return;
    const result = resultOf(status, trail.stage);
    if (result === undefined || code === CredentialRequired.code) return;
    // A rule that stands in the way of a query keeps nobody from anything.
    if (result === "failed" && operation.kind === "query" && operation.noted === undefined) return;
    // A stranger's call is no entry of the organization that he asked for, which may not exist.
    const { after: _, ...note } = trail.note;
    const audited = this.#audited(operation, call, { ...trail, note, tenant: status === 404 ? null : trail.tenant });
    this.notes.add(audited, { result, reason: code });
  }

  /**
   * Notes and counts a call with a credential that is unknown, expired or revoked: of whom nobody knows, and so in the internal chain.
   * What was sent with it was looked at by nobody, and is left out. `began` is of `performance.now()`.
   */
  noteStranger(operation: Operation, origin: Origin, began: number): void {
    const call = { operation: operation.name, input: {}, caller: anonymous, origin };
    const trail: Trail = { note: {}, tenant: null, stage: "before" };
    this.notes.add(this.#audited(operation, call, trail), { result: "refused", reason: CredentialInvalid.code });
    const runnable = this.#runnable.get(operation.name) as Runnable;
    this.#observe(runnable, { call, outcome: CredentialInvalid.code, trail }, began);
  }

  #audited(operation: Operation, call: Call, trail: Trail): AuditedCall {
    const { caller, origin, input } = call;
    const now = new Date(this.platform.clock.now());
    return { operation, caller, origin, input, now, note: trail.note, organizationId: trail.tenant ?? null };
  }

  #run(runnable: Runnable, received: Call, trail: Trail): MaybePromise<Answer> {
    const { operation } = runnable;
    // Who is not signed in learns that first, not what is wrong with the body.
    if (received.caller.kind === "anonymous" && operation.allow.kind !== "anyone") throw new OperationError(CredentialRequired);
    runnable.check(received.input);
    const input = runnable.canonical(received.input);
    const call = input === received.input ? received : { ...received, input };
    const preparation = new Preparation(this, runnable.module, call, trail);
    return after(operation.tenantOf(preparation as never, call.input as never), (tenant) => {
      const request = { origin: call.origin, now: this.platform.clock.now() };
      const asked = { caller: call.caller, tenant, input: call.input, absent: operation.absent, request };
      trail.tenant = tenant;
      trail.stage = "authorizing";
      const ownerOf = () => operation.ownerOf?.(preparation as never, call.input as never);
      return after(authorize(operation.allow, { ...asked, ownerOf }, this.#authorizer), () => {
        trail.stage = "authorized";
        return after(this.#limit(operation, call), () =>
          this.#inItsPlace(runnable, call, () => this.#perform(runnable, call, tenant, preparation)),
        );
      });
    });
  }

  /** Limits come before: whoever is over them takes no place from others. */
  #inItsPlace({ bulkhead }: Runnable, { caller }: Call, work: () => MaybePromise<Answer>): MaybePromise<Answer> {
    if (bulkhead === undefined || caller.kind === "system" || caller.kind === "operator") return work();
    return bulkhead(async () => work());
  }

  #perform(runnable: Runnable, call: Call, tenant: string | null | undefined, preparation: Preparation): MaybePromise<Answer> {
    const { operation } = runnable;
    if (operation.fromMemory) {
      return after(operation.run(preparation as never, call.input as never, undefined as never), (output) => ({ output }));
    }
    const scope = scopeOf(operation, tenant, call.caller);
    if (operation.kind === "query") return this.#query(runnable, call, scope);
    return this.#command(runnable, call, scope, preparation);
  }

  #limit({ name, limit }: Operation, { caller, origin }: Call): MaybePromise<void> {
    const isOurs = caller.kind === "system" || caller.kind === "operator";
    if (limit === undefined || isOurs || this.platform.settings.signInLimit === "off") return;
    return takeByAddress(this.platform.limits, familyOf(name), origin.ip, limit).then((wait) => {
      if (wait > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: wait });
    });
  }

  async #query({ operation, module }: Runnable, call: Call, scope: Scope): Promise<Answer> {
    // A list over every tenant is still one person's: its cursors are for whoever was given them.
    const list = `${operation.name} ${scope.tenant} ${call.caller.kind === "user" ? call.caller.userId : ""}`;
    const output = await this.#readQuery(scope, async (db) =>
      operation.run(new QueryRun(this, module, call, db, list) as never, call.input as never, undefined as never),
    );
    return { output };
  }

  async #command(runnable: Runnable, call: Call, scope: Scope, preparation: Preparation): Promise<Answer> {
    const prepared = await runnable.operation.prepare?.(preparation as never, call.input as never);
    const work = { runnable, call, scope, trail: preparation.trail, prepared };
    let appended = false;
    for (let done: unknown; ; ) {
      const { more, ...answer } = await this.#untilCommitted({ ...work, done });
      appended ||= answer.appended === true;
      if (!more) return appended ? { ...answer, appended } : answer;
      done = answer.output;
    }
  }

  async #untilCommitted(part: Part): Promise<PartAnswer> {
    // Of those that were overtaken on one subject, one goes at a time: they would overtake each other for ever.
    let contended: string | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(part, contended);
      } catch (error) {
        if (error instanceof OvertakenError) contended = error.subject;
        else if (!isTransient(error)) throw error;
        // Nothing is kept, and whoever asks again has every chance: no fault of ours.
        if (attempt > retriesMax) throw new Unavailable("a turn at what others are changing", error);
        // Apart by chance, so that two that collided do not collide again.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * firstPauseMs * attempt));
      }
    }
  }

  async #attempt({ runnable: { operation, module }, call, scope, trail, prepared, done }: Part, contended?: string): Promise<PartAnswer> {
    const { database, keys, clock, log, consumers, rpc, metrics, tracer } = this.platform;
    const now = new Date(clock.now());
    const key = call.idempotencyKey === undefined ? undefined : { ...claimOf(call, keys), now };
    const events: NewEvent[] = [];
    // The command's own span: who handles its events goes on from there, however long the transaction took.
    const traceparent = tracer.inject() ?? call.traceparent ?? null;
    const answer = await database.transact(scope, async (tx): Promise<PartAnswer & { readonly repeated?: true }> => {
      if (contended !== undefined) await takeTurn(tx, contended);
      const run = new CommandRun(this, module, call, tx, now, events, trail);
      const stillValid = (output: unknown) => operation.stillValid?.(run as never, output as never) ?? true;
      const first = key && (await claimKey(tx, key, keys, stillValid));
      if (first) return { ...first, repeated: true };
      const output = await operation.run(run as never, call.input as never, prepared as never, done as never);
      await widen(tx);
      if (events.length > 0) await tracer.span("append events", publishing, () => append(tx, events, { occurredAt: now, traceparent }));
      const revision = await recordAudit(tx, { ...this.#audited(operation, call, trail), now, output }, run.hasMore);
      if (key) await (run.hasMore ? releaseKey(tx, key) : keepAnswer(tx, key, { output, revision }, keys));
      return { output, revision, more: run.hasMore };
    });
    const { repeated, ...given } = answer;
    if (repeated || events.length === 0) return given;
    // This process forgets at once what the command has changed; the others hear it from the log, and are told to look.
    log.announce(events, answer.revision as string, now);
    consumers.wake();
    rpc.tell(appendedSubject);
    for (const event of events) metrics.eventsAppended.inc({ type: event.type });
    return { ...given, appended: true };
  }

  /** The functions that `module` offers, bound to a transaction. */
  faces(module: AnyModule, bound: Bound): Record<string, unknown> {
    const uses = (module.declaration.uses ?? {}) as Record<string, AnyModule>;
    return Object.fromEntries(Object.entries(uses).map(([name, used]) => [name, this.#face(used, bound)]));
  }

  #face(module: AnyModule, bound: Bound): Record<string, unknown> {
    const { declaration } = module;
    const shared = { state: this.stateOf(module), uses: this.faces(module, bound), now: bound.now };
    const reads = declaration.reads?.({ ...shared, store: declaration.store.reads(bound.db) }) ?? {};
    if (bound.write === undefined) return reads;
    const { tx, emit, enqueue } = bound.write;
    const store = { ...declaration.store.reads(bound.db), ...declaration.store.writes(tx) };
    return { ...reads, ...declaration.writes?.({ ...shared, store, emit, enqueue }) };
  }
}

/** The span of an append (S3 §16.3, event publication). */
const publishing = {
  kind: "producer",
  attributes: { "messaging.operation.type": "send", "messaging.destination.name": "events" },
} as const;

/** An operation with what the kernel has made ready for it. */
interface Runnable {
  readonly operation: Operation;
  /** Where it waits for a place; nowhere, where it answers from memory. */
  readonly bulkhead: Places | undefined;
  /** What its metric has for it: a text that is not put together at each call. */
  readonly measuredAs: string;
  readonly module: AnyModule;
  readonly check: InputCheck;
  readonly canonical: (input: Record<string, unknown>) => Record<string, unknown>;
}

/** What a call has told of itself for the trail, and how far it came. */
interface Trail {
  note: AuditNote;
  tenant: string | null | undefined;
  stage: "before" | "authorizing" | "authorized";
}

/** How an error of this status counts for the trail; undefined where it is none of its business. */
function resultOf(status: number, stage: Trail["stage"]): AuditResult | undefined {
  if (stage === "before") return undefined;
  if (stage === "authorizing" && status === 404) return "refused";
  if (status === 401 || status === 403 || status === 429) return "refused";
  return status === 409 ? "failed" : undefined;
}

/** Of the pool that commands use; an embedded database has one connection, and a queue of its own before that. */
const connectionsOf = ({ database }: Platform): number => database.connections().find(({ pool }) => pool === "write")?.max ?? 1;

/** What one transaction of a command is to do: all of it, or the next part. */
interface Part {
  readonly runnable: Runnable;
  readonly call: Call;
  readonly scope: Scope;
  readonly trail: Trail;
  readonly prepared: unknown;
  /** The answer of the part before. */
  readonly done: unknown;
}

interface PartAnswer extends Answer {
  readonly more?: boolean;
}

interface Bound {
  readonly db: ReadHandle;
  readonly now: Date;
  readonly write?: { readonly tx: WriteHandle; readonly emit: Emit; readonly enqueue: Enqueue };
}

function scopeOf(operation: Operation, tenant: string | null | undefined, caller: Caller): Scope {
  if (operation.everyTenant) return everyTenant;
  const user = caller.kind === "user" ? caller.userId : undefined;
  if (typeof tenant === "string") return tenantScope(tenant, user);
  if (tenant === null) return internalScope;
  return user === undefined ? { tenant: "none" } : userScope(user);
}

/** A series that begins with its first call has no increase in it: who asks whether nobody calls must find a 0. */
function countFromNone({ name }: Operation, { metrics }: Platform): void {
  for (const caller of ["anonymous", "user", "operator", "system"] as const) {
    metrics.deprecatedCalls.inc({ operation: name, caller }, 0);
  }
}

/** What every run has. */
class Run {
  protected readonly kernel: Kernel;
  protected readonly call: Call;
  protected readonly module: AnyModule;
  #now: Date | undefined;

  constructor(kernel: Kernel, module: AnyModule, call: Call, now?: Date) {
    this.kernel = kernel;
    this.call = call;
    this.module = module;
    this.#now = now;
  }

  /** One moment for the whole run. */
  get now(): Date {
    this.#now ??= new Date(this.kernel.platform.clock.now());
    return this.#now;
  }

  get caller(): Caller {
    return this.call.caller;
  }
  get user(): UserCaller {
    if (this.call.caller.kind !== "user") throw new OperationError(CredentialRequired);
    return this.call.caller;
  }
  get origin() {
    return this.call.origin;
  }
  get platform(): Platform {
    return this.kernel.platform;
  }
  get state(): unknown {
    return this.kernel.stateOf(this.module);
  }
  get fail() {
    return refuse;
  }
}

function refuse(error: ErrorDefinition, ...details: ErrorDetail[]): never {
  throw new OperationError(error, details);
}

/** Before the transaction, and for queries from memory. */
class Preparation extends Run {
  readonly trail: Trail;

  constructor(kernel: Kernel, module: AnyModule, call: Call, trail: Trail) {
    super(kernel, module, call);
    this.trail = trail;
  }
  get audit() {
    return (note: AuditNote): void => {
      this.trail.note = { ...this.trail.note, ...note };
    };
  }
  get reading() {
    return <T>(work: (store: unknown, uses: unknown) => Promise<T>): Promise<T> =>
      this.platform.database.read(everyTenant, (db) =>
        work(this.module.declaration.store.reads(db), this.kernel.faces(this.module, { db, now: this.now })),
      );
  }
  get holds() {
    return (organizationId: string | null, value: string): MaybePromise<boolean> => {
      const { caller } = this;
      if (caller.kind === "operator" || caller.kind === "system") return true;
      // A session that was begun for one organization never acts elsewhere.
      if (caller.kind === "anonymous" || (caller.organizationId !== null && caller.organizationId !== organizationId)) return false;
      const request = { origin: this.origin, now: this.platform.clock.now() };
      return after(this.kernel.authorizer.holds(caller, organizationId, value, request), (answer) => answer === true);
    };
  }
  get notHeld() {
    return async (organizationId: string | null, values: readonly string[]): Promise<readonly string[]> => {
      const { caller } = this;
      if (caller.kind === "operator" || caller.kind === "system" || values.length === 0) return [];
      if (caller.kind === "anonymous") return values;
      return this.kernel.authorizer.notHeld(caller.userId, organizationId, values);
    };
  }
}

class QueryRun extends Run {
  readonly store: unknown;
  readonly uses: unknown;
  readonly #list: string;

  constructor(kernel: Kernel, module: AnyModule, call: Call, db: ReadHandle, list: string) {
    super(kernel, module, call);
    this.store = module.declaration.store.reads(db);
    this.uses = kernel.faces(module, { db, now: this.now });
    this.#list = list;
  }
  get page() {
    return (input: { readonly limit?: number; readonly cursor?: string }) => pageRequest(this.platform.keys, this.#list, input);
  }
}

class CommandRun extends Run {
  hasMore = false;
  readonly store: unknown;
  readonly uses: unknown;
  readonly emit: Emit;
  readonly enqueue: Enqueue;
  readonly audit: Audit;

  constructor(kernel: Kernel, module: AnyModule, call: Call, tx: WriteHandle, now: Date, events: NewEvent[], trail: Trail) {
    super(kernel, module, call, now);
    const db = tx as unknown as ReadHandle;
    // An attempt that another transaction was in the way of has left its events here.
    events.length = 0;
    this.emit = (event, data) =>
      void events.push(...withFormer(event as unknown as EventDefinition, data as Record<string, unknown>, kernel.catalogue));
    this.audit = (note) => {
      trail.note = { ...trail.note, ...note };
    };
    this.enqueue = (job, payload) => this.platform.jobs.enqueue(tx, job, payload);
    this.store = { ...module.declaration.store.reads(db), ...module.declaration.store.writes(tx) };
    this.uses = kernel.faces(module, { db, now, write: { tx, emit: this.emit, enqueue: this.enqueue } });
  }
  get more() {
    return (): void => {
      const { inParts } = this.kernel.catalogue.byName.get(this.call.operation) as Operation;
      if (inParts === undefined) throw new Error(`${this.call.operation} is not declared to work in parts`);
      this.hasMore = true;
    };
  }
  get expectVersion() {
    return (current: number): void => {
      if (this.call.ifMatch === undefined || this.call.ifMatch.includes(current)) return;
      throw new OperationError(VersionConflict, [{ field: "If-Match", rule: "version", current: `"${current}"` }]);
    };
  }
}

/** An event with the older forms of it that are still published, each for the readers that know it. */
function withFormer(event: EventDefinition, data: Record<string, unknown>, { formerEvents }: Catalogue): NewEvent[] {
  const { replacedBy } = event.deprecated ?? {};
  if (replacedBy !== undefined) throw new Error(`${event.type} is made of ${replacedBy}, which is to be emitted instead`);
  const former = formerEvents.get(event.type) ?? [];
  return [newEvent(event, data), ...former.map((older) => newEvent(older, older.deprecated?.from?.(data as never) ?? {}))];
}

function newEvent(event: EventDefinition, data: Record<string, unknown>): NewEvent {
  const [kind, field] = event.subject;
  return {
    id: uuid(),
    type: event.type,
    subject: `${kind}/${String(data[field])}`,
    organizationId: event.tenant === undefined ? null : ((data[event.tenant] as string | null | undefined) ?? null),
    data,
  };
}
