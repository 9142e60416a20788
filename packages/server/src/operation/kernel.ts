import { v7 as uuid } from "uuid";
import {
  everyTenant,
  internalScope,
  type ReadHandle,
  type Scope,
  tenantScope,
  userScope,
  type WriteHandle,
} from "../platform/database/database.ts";
import { isTransient } from "../platform/database/faults.ts";
import { widen } from "../platform/database/scoped.ts";
import type { NewEvent } from "../platform/log/event.ts";
import { append, OvertakenError } from "../platform/log/log.ts";
import type { Platform } from "../platform/platform.ts";
import { recordAudit } from "./audit.ts";
import { type Authorizer, authorize } from "./authorization.ts";
import type { Caller, UserCaller } from "./caller.ts";
import { canonicalIds } from "./canonical.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Answer, Call, Dispatch } from "./dispatch.ts";
import { CredentialRequired, type ErrorDefinition, type ErrorDetail, OperationError, TooManyRequests, VersionConflict } from "./errors.ts";
import type { EventDefinition } from "./event.ts";
import { claimKey, hashRequest, keepAnswer } from "./idempotency.ts";
import { after, type MaybePromise } from "./maybe-promise.ts";
import type { AnyModule, Emit, Enqueue } from "./module.ts";
import type { Operation } from "./operation.ts";
import { pageRequest } from "./paging.ts";
import { type InputCheck, inputCheck } from "./validate.ts";

/** Tries of a command that another transaction was in the way of. */
const attemptsMax = 8;

/**
 * Runs operations: validates, authorizes, opens the transaction, and commits state, events, audit entry and
 * idempotent answer together. The in-process end of the dispatch port.
 */
export class Kernel {
  readonly catalogue: Catalogue;
  readonly platform: Platform;
  readonly #states = new Map<string, unknown>();
  readonly #runnable = new Map<string, Runnable>();
  #authorizer: Authorizer = { holds: () => "unavailable", permissionsOf: async () => [] };

  constructor(catalogue: Catalogue, platform: Platform) {
    this.catalogue = catalogue;
    this.platform = platform;
    for (const { module, operations } of catalogue.contexts) {
      this.#states.set(module.name, module.declaration.state?.(platform));
      for (const operation of operations) {
        this.#runnable.set(operation.name, {
          operation,
          module,
          check: inputCheck(operation.input),
          canonical: canonicalIds(operation.input),
        });
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

  readonly dispatch: Dispatch = (call) => {
    const runnable = this.#runnable.get(call.operation);
    if (!runnable) throw new Error(`no operation is named ${call.operation}`);
    const began = performance.now();
    const failed = (error: unknown): never => {
      this.#observe(runnable, call, error instanceof OperationError ? error.definition.code : "fault", began);
      throw error;
    };
    const answered = (answer: Answer): Answer => {
      this.#observe(runnable, call, "ok", began);
      return answer;
    };
    let answer: MaybePromise<Answer>;
    try {
      answer = this.#run(runnable, call);
    } catch (error) {
      return failed(error);
    }
    return answer instanceof Promise ? answer.then(answered, failed) : answered(answer);
  };

  /** One measurement a call, and one line of the log: at `info` for somebody's command, at `debug` for all else (S3 §16.2). */
  #observe({ operation }: Runnable, call: Call, outcome: string, began: number): void {
    const { logger, metrics } = this.platform;
    const milliseconds = performance.now() - began;
    metrics.operationSeconds.observe(operation.name, outcome, milliseconds / 1_000);
    const level = operation.kind === "command" && call.caller.kind !== "system" ? "info" : "debug";
    if (logger.isLevelEnabled(level)) logger[level](logged(operation, call, outcome, milliseconds), `${operation.name}: ${outcome}`);
  }

  #run(runnable: Runnable, received: Call): MaybePromise<Answer> {
    const { operation } = runnable;
    // Who is not signed in learns that first, not what is wrong with the body.
    if (received.caller.kind === "anonymous" && operation.allow.kind !== "anyone") throw new OperationError(CredentialRequired);
    runnable.check(received.input);
    const input = runnable.canonical(received.input);
    const call = input === received.input ? received : { ...received, input };
    const preparation = new Preparation(this, runnable.module, call);
    return after(operation.tenantOf(preparation as never, call.input as never), (tenant) => {
      const asked = { caller: call.caller, tenant, input: call.input, absent: operation.absent };
      return after(authorize(operation.allow, asked, this.#authorizer), () =>
        after(this.#limit(operation, call), () => this.#perform(runnable, call, tenant, preparation)),
      );
    });
  }

  #perform(runnable: Runnable, call: Call, tenant: string | null | undefined, preparation: Preparation): MaybePromise<Answer> {
    const { operation } = runnable;
    if (operation.fromMemory) {
      return after(operation.run(preparation as never, call.input as never, undefined as never), (output) => ({ output }));
    }
    const scope = scopeOf(operation, tenant, call.caller);
    if (operation.kind === "query") return this.#query(runnable, call, scope);
    return this.#command(runnable, call, scope, tenant, preparation);
  }

  #limit({ name, limit }: Operation, call: Call): MaybePromise<void> {
    if (limit === undefined || call.origin.ip === null || this.platform.settings.signInLimit === "off") return;
    return this.platform.limits.take(name, call.origin.ip, limit).then((wait) => {
      if (wait > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: wait });
    });
  }

  async #query({ operation, module }: Runnable, call: Call, scope: Scope): Promise<Answer> {
    // A list over every tenant is still one person's: its cursors are for whoever was given them.
    const list = `${operation.name} ${scope.tenant} ${call.caller.kind === "user" ? call.caller.userId : ""}`;
    const output = await this.platform.database.read(scope, async (db) =>
      operation.run(new QueryRun(this, module, call, db, list) as never, call.input as never, undefined as never),
    );
    return { output };
  }

  async #command(
    runnable: Runnable,
    call: Call,
    scope: Scope,
    tenant: string | null | undefined,
    preparation: Preparation,
  ): Promise<Answer> {
    const prepared = await runnable.operation.prepare?.(preparation as never, call.input as never);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(runnable, call, scope, tenant, prepared);
      } catch (error) {
        if (attempt >= attemptsMax || !(error instanceof OvertakenError || isTransient(error))) throw error;
        // Apart by chance, so that two that collided do not collide again.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * attempt));
      }
    }
  }

  async #attempt(
    { operation, module }: Runnable,
    call: Call,
    scope: Scope,
    tenant: string | null | undefined,
    prepared: unknown,
  ): Promise<Answer> {
    const { database, keys, clock, log, bus, metrics } = this.platform;
    const now = new Date(clock.now());
    const key =
      call.idempotencyKey === undefined
        ? undefined
        : { operation, caller: call.caller, key: call.idempotencyKey, requestHash: hashRequest(call.input), now };
    const events: NewEvent[] = [];
    const answer = await database.transact(scope, async (tx): Promise<Answer & { readonly repeated?: true }> => {
      const first = key && (await claimKey(tx, key, keys));
      if (first) return { ...first, repeated: true };
      const run = new CommandRun(this, module, call, tx, now, events);
      const output = await operation.run(run as never, call.input as never, prepared as never);
      await widen(tx);
      await append(tx, events, { occurredAt: now, traceparent: call.traceparent ?? null });
      const revision = await recordAudit(tx, {
        operation,
        caller: call.caller,
        origin: call.origin,
        organizationId: tenant ?? null,
        input: call.input,
        now,
      });
      if (key) await keepAnswer(tx, key, { output, revision }, keys);
      return { output, revision };
    });
    if (answer.repeated || events.length === 0) return { output: answer.output, revision: answer.revision as string };
    // This process forgets at once what the command has changed; the others hear it from the log.
    log.announce(events, answer.revision as string, now);
    bus.wake();
    for (const event of events) metrics.eventsAppended.inc({ type: event.type });
    return answer;
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

/** An operation with what the kernel has made ready for it. */
interface Runnable {
  readonly operation: Operation;
  readonly module: AnyModule;
  readonly check: InputCheck;
  readonly canonical: (input: Record<string, unknown>) => Record<string, unknown>;
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

function logged({ kind, name }: Operation, { caller, origin }: Call, outcome: string, milliseconds: number): Record<string, unknown> {
  const user = caller.kind === "user" ? { userId: caller.userId, sessionId: caller.sessionId, organizationId: caller.organizationId } : {};
  return {
    module: kind,
    traceId: origin.traceId,
    operation: name,
    outcome,
    durationMs: Math.round(milliseconds * 10) / 10,
    caller: caller.kind,
    ...user,
    ipAddress: origin.ip,
    userAgent: origin.userAgent,
  };
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
  get reading() {
    return <T>(work: (store: unknown, uses: unknown) => Promise<T>): Promise<T> =>
      this.platform.database.read(everyTenant, (db) =>
        work(this.module.declaration.store.reads(db), this.kernel.faces(this.module, { db, now: this.now })),
      );
  }
  get notHeld() {
    return async (organizationId: string | null, values: readonly string[]): Promise<readonly string[]> => {
      const { caller } = this;
      if (caller.kind === "operator" || caller.kind === "system" || values.length === 0) return [];
      if (caller.kind === "anonymous") return values;
      const held = new Set(await this.kernel.authorizer.permissionsOf(caller.userId, organizationId));
      return values.filter((value) => !held.has(value));
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
  readonly store: unknown;
  readonly uses: unknown;
  readonly emit: Emit;
  readonly enqueue: Enqueue;

  constructor(kernel: Kernel, module: AnyModule, call: Call, tx: WriteHandle, now: Date, events: NewEvent[]) {
    super(kernel, module, call, now);
    const db = tx as unknown as ReadHandle;
    // An attempt that another transaction was in the way of has left its events here.
    events.length = 0;
    this.emit = (event, data) => void events.push(newEvent(event as unknown as EventDefinition, data as Record<string, unknown>));
    this.enqueue = (job, payload) => this.platform.jobs.enqueue(tx, job, payload);
    this.store = { ...module.declaration.store.reads(db), ...module.declaration.store.writes(tx) };
    this.uses = kernel.faces(module, { db, now, write: { tx, emit: this.emit, enqueue: this.enqueue } });
  }
  get expectVersion() {
    return (current: number): void => {
      if (this.call.ifMatch === undefined || this.call.ifMatch === current) return;
      throw new OperationError(VersionConflict, [{ field: "If-Match", rule: "version", current: `"${current}"` }]);
    };
  }
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
