import { everyTenant, type ReadHandle, type Scope, type WriteHandle } from "#platform/database/database.ts";
import type { NewEvent } from "#platform/log/event.ts";
import type { Platform } from "#platform/platform.ts";
import { type Authorizer, onlyUsers } from "../declaration/authorization.ts";
import type { Catalogue } from "../declaration/catalogue.ts";
import type { DelegationRefusal, Emit, Enqueue, Services } from "../declaration/context.ts";
import {
  CredentialRequired,
  type ErrorDefinition,
  type ErrorDetail,
  OperationError,
  PermissionDenied,
  VersionConflict,
} from "../declaration/errors.ts";
import type { EventDefinition } from "../declaration/event.ts";
import type { AnyModule } from "../declaration/module.ts";
import {
  type IdentifiedPrincipal,
  isForeignTo,
  isIdentified,
  isSystemOrOperator,
  type Principal,
  type UserPrincipal,
} from "../declaration/principal.ts";
import type { AuditDetails } from "./audit.ts";
import { CommittedFailure } from "./committed-failure.ts";
import type { Call } from "./dispatch.ts";
import { after, type MaybePromise } from "./maybe-promise.ts";
import type { ModuleInstances } from "./module-instances.ts";
import { newEvent } from "./new-events.ts";
import { pageRequest } from "./paging.ts";
import { addAuditDetails, type CallProgress, type Runnable } from "./runnable.ts";
import { scopeIn, scopeOf } from "./scope.ts";

/** The dependencies of contexts, the same for every call of a process. */
export interface KernelDependencies {
  readonly platform: Platform;
  readonly services: Services;
  readonly catalogue: Catalogue;
  readonly modules: ModuleInstances;
  readonly authorizer: Authorizer;
}

type PageInput = { readonly limit?: number; readonly cursor?: string };

/** The most missing permissions in an error's details. More would not help the caller. */
const missingShownMax = 20;

type Read<T> = (store: unknown, uses: unknown) => Promise<T>;

/**
 * The context of `prepare`, of the resolvers `tenant` and `ownerOf`, and of in-memory queries. Each function is created when a use case
 * takes it from the context: a check takes two of them, tens of thousands of times per second.
 */
export class PrepareContext {
  readonly principal: Principal;
  readonly origin: Call["origin"];
  readonly services: Services;
  readonly state: unknown;
  readonly fail = refuse;
  readonly #dependencies: KernelDependencies;
  readonly #runnable: Runnable;
  readonly #progress: CallProgress;
  #now: Date | undefined;

  constructor(dependencies: KernelDependencies, runnable: Runnable, { principal, origin }: Call, progress: CallProgress) {
    this.principal = principal;
    this.origin = origin;
    this.services = dependencies.services;
    this.state = dependencies.modules.stateOf<unknown>(runnable.module);
    this.#dependencies = dependencies;
    this.#runnable = runnable;
    this.#progress = progress;
  }

  /** One moment for the whole context. */
  get now(): Date {
    this.#now ??= new Date(this.#dependencies.platform.clock.now());
    return this.#now;
  }

  get user(): UserPrincipal {
    return userOf(this.principal);
  }

  get identified(): IdentifiedPrincipal {
    return identifiedOf(this.principal);
  }

  get audit() {
    return (details: AuditDetails): void => addAuditDetails(this.#progress, details);
  }

  get cached(): Record<string, unknown> {
    return this.#dependencies.modules.cachedApisFor(this.#runnable.module);
  }

  get reading() {
    return <T>(work: Read<T>): Promise<T> => {
      const { operation } = this.#runnable;
      const { stage, tenant } = this.#progress;
      if (stage === "before") throw new Error(`${operation.name} reads within its tenant before the tenant is resolved`);
      return this.#readIn(scopeOf(operation, tenant, this.principal), work);
    };
  }

  get readingTenant() {
    return <T>(organizationId: string | null, work: Read<T>): Promise<T> => this.#readIn(scopeIn(organizationId, this.principal), work);
  }

  get readingEveryTenant() {
    return <T>(why: string, work: Read<T>): Promise<T> => {
      this.#dependencies.platform.logger.trace({ operation: this.#runnable.operation.name, why }, "reads rows of every tenant");
      return this.#readIn(everyTenant, work);
    };
  }

  get holds() {
    return (organizationId: string | null, value: string): MaybePromise<boolean> => {
      const { principal, origin } = this;
      if (isSystemOrOperator(principal)) return true;
      // A credential of one organization never acts in another.
      if (!isIdentified(principal) || isForeignTo(principal, organizationId)) return false;
      const { authorizer, platform } = this.#dependencies;
      const request = { origin, now: platform.clock.now() };
      return after(authorizer.holds(principal, organizationId, value, request), (answer) => answer === true);
    };
  }

  get missingPermissions() {
    return (organizationId: string | null, values: readonly string[]): Promise<readonly string[]> =>
      this.#missingPermissions(organizationId, values);
  }

  get requireHeld() {
    return async (
      organizationId: string | null,
      values: readonly string[],
      { error, field }: DelegationRefusal<ErrorDefinition>,
    ): Promise<void> => {
      const missing = await this.#missingPermissions(organizationId, values);
      if (missing.length === 0) return;
      refuse(error, ...missing.slice(0, missingShownMax).map((permission) => ({ field, rule: "held", permission })));
    };
  }

  #readIn<T>(scope: Scope, work: Read<T>): Promise<T> {
    const { platform, modules } = this.#dependencies;
    const { module } = this.#runnable;
    const { now } = this;
    return platform.database.read(scope, (db) => work(module.declaration.store.reads(db), modules.apisFor(module, { db, now })));
  }

  async #missingPermissions(organizationId: string | null, values: readonly string[]): Promise<readonly string[]> {
    const { principal } = this;
    if (isSystemOrOperator(principal) || values.length === 0) return [];
    if (!isIdentified(principal)) return values;
    return this.#dependencies.authorizer.missingPermissions(principal, organizationId, values);
  }
}

/** The context of a query's `run`, with read access by `db`. A cursor is valid for the list with the name `list` only. */
export function queryContext(dependencies: KernelDependencies, module: AnyModule, call: Call, db: ReadHandle, list: string) {
  const { platform, modules } = dependencies;
  const now = new Date(platform.clock.now());
  return {
    ...sharedContext(dependencies, module, call, now),
    get user(): UserPrincipal {
      return userOf(call.principal);
    },
    get identified(): IdentifiedPrincipal {
      return identifiedOf(call.principal);
    },
    store: module.declaration.store.reads(db) as unknown,
    uses: modules.apisFor(module, { db, now }),
    page: (input: PageInput) => pageRequest(platform.keys, list, input),
  };
}

/** The effects of one run of a command: the events to append, and whether another batch follows. */
export interface CommandEffects {
  readonly events: NewEvent[];
  hasMore: boolean;
}

/** The context of a command's `run`, in its transaction `tx`. */
export function commandContext(
  dependencies: KernelDependencies,
  { module, operation }: Runnable,
  call: Call,
  { tx, now, effects, progress }: { tx: WriteHandle; now: Date; effects: CommandEffects; progress: CallProgress },
) {
  const { platform, modules } = dependencies;
  const { store } = module.declaration;
  const db = tx as unknown as ReadHandle;
  const emit: Emit = (event, data) =>
    void effects.events.push(newEvent(event as unknown as EventDefinition, data as Record<string, unknown>));
  const enqueue: Enqueue = (job, payload) => platform.jobs.enqueue(tx, job, payload);
  return {
    ...sharedContext(dependencies, module, call, now),
    get user(): UserPrincipal {
      return userOf(call.principal);
    },
    get identified(): IdentifiedPrincipal {
      return identifiedOf(call.principal);
    },
    store: { ...store.reads(db), ...store.writes(tx) } as unknown,
    uses: modules.apisFor(module, { db, now, write: { tx, emit, enqueue } }),
    emit,
    enqueue,
    audit: (details: AuditDetails): void => addAuditDetails(progress, details),
    failAfterCommit(error: ErrorDefinition, ...details: ErrorDetail[]): never {
      throw new CommittedFailure(new OperationError(error, details));
    },
    more(): void {
      if (operation.inBatches === undefined) throw new Error(`${operation.name} is not declared to work in batches`);
      effects.hasMore = true;
    },
    expectVersion(current: number): void {
      if (call.ifMatch === undefined || call.ifMatch.includes(current)) return;
      throw new OperationError(VersionConflict, [{ field: "If-Match", rule: "version", current: `"${current}"` }]);
    },
  };
}

/** `now` is constant for the whole run. `user` and `identified` are getters of each context: they throw for other principals. */
const sharedContext = ({ services, modules }: KernelDependencies, module: AnyModule, { principal, origin }: Call, now: Date) => ({
  principal,
  origin,
  now,
  services,
  state: modules.stateOf<unknown>(module),
  fail: refuse,
});

function identifiedOf(principal: Principal): IdentifiedPrincipal {
  if (!isIdentified(principal)) throw new OperationError(CredentialRequired);
  return principal;
}

function userOf(principal: Principal): UserPrincipal {
  const identified = identifiedOf(principal);
  if (identified.kind !== "user") throw new OperationError(PermissionDenied, [onlyUsers]);
  return identified;
}

function refuse(error: ErrorDefinition, ...details: ErrorDetail[]): never {
  throw new OperationError(error, details);
}
