import type { Scope } from "#platform/database/database.ts";
import { type ReplicaReads, replicaReads } from "#platform/database/replica-reads.ts";
import type { Platform } from "#platform/platform.ts";
import { type Bulkhead, createBulkhead } from "#platform/resilience/bulkhead.ts";
import { administrationAtOnce, type BulkheadName, bulkheads, signInsAtOnce } from "#platform/resilience/policies.ts";
import { type Authorizer, authorize } from "../declaration/authorization.ts";
import type { Catalogue } from "../declaration/catalogue.ts";
import { CredentialRequired, OperationError } from "../declaration/errors.ts";
import type { AnyModule } from "../declaration/module.ts";
import type { Operation } from "../declaration/operation.ts";
import { isSystemOrOperator, principalKey, principalKinds } from "../declaration/principal.ts";
import type { Transact } from "../declaration/transact.ts";
import type { AuditBuffer } from "./audit-buffer.ts";
import { CallLog } from "./call-log.ts";
import { canonicalInput } from "./canonical.ts";
import { CommandTransactions } from "./command-transaction.ts";
import { type KernelDependencies, PrepareContext, queryContext } from "./contexts.ts";
import type { Answer, Call, Dispatch, RefusedCall } from "./dispatch.ts";
import { after, attempt, type MaybePromise } from "./maybe-promise.ts";
import { type BoundTransaction, ModuleInstances } from "./module-instances.ts";
import { moduleTransactions } from "./module-transaction.ts";
import { takeRateLimit } from "./rate-limit.ts";
import type { CallProgress, Runnable } from "./runnable.ts";
import { scopeOf } from "./scope.ts";
import { servicesOf } from "./services.ts";
import { tracedDispatch } from "./traced.ts";
import { inputCheck } from "./validate.ts";

/**
 * Runs operations: validates, authorizes, limits, opens the transaction and records the result. The in-process implementation of the
 * dispatch port.
 */
export class Kernel {
  readonly catalogue: Catalogue;
  readonly platform: Platform;
  readonly dispatch: Dispatch;
  readonly #runnable: ReadonlyMap<string, Runnable>;
  readonly #modules: ModuleInstances;
  readonly #dependencies: KernelDependencies;
  readonly #calls: CallLog;
  readonly #commands: CommandTransactions;
  readonly #readQuery: ReplicaReads;
  #authorizer: Authorizer = {
    holds: () => "unavailable",
    missingPermissions: async (_principal, _organizationId, permissions) => permissions,
  };

  constructor(catalogue: Catalogue, platform: Platform) {
    this.catalogue = catalogue;
    this.platform = platform;
    this.#modules = new ModuleInstances(
      catalogue.manifests.map(({ module }) => module),
      platform,
    );
    const authorizer = () => this.#authorizer;
    this.#dependencies = {
      platform,
      services: servicesOf(platform, catalogue.byName),
      catalogue,
      modules: this.#modules,
      get authorizer() {
        return authorizer();
      },
    };
    this.#calls = new CallLog(platform);
    this.#commands = new CommandTransactions(this.#dependencies, this.#calls);
    this.#readQuery = replicaReads({ ...platform, need: () => platform.log.replicaNeed });
    this.#runnable = runnables(catalogue, platform);
    this.dispatch = tracedDispatch((call) => this.#dispatch(call), catalogue.byName, platform.tracer);
  }

  /** Sets the authorizer. The runtime calls it once at start. */
  authorizeWith(authorizer: Authorizer): void {
    this.#authorizer = authorizer;
  }

  get authorizer(): Authorizer {
    return this.#authorizer;
  }

  get auditBuffer(): AuditBuffer {
    return this.#calls.auditBuffer;
  }

  stateOf<State>(module: { readonly name: string }): State {
    return this.#modules.stateOf(module);
  }

  /** What an HTTP application of the module has in addition: transactions, and the cached APIs of the modules that it uses. */
  appProcessOf(module: AnyModule): { readonly transact: Transact; readonly cached: Record<string, unknown> } {
    return { transact: moduleTransactions(module, this.#modules, this.platform), cached: this.#modules.cachedApisFor(module) };
  }

  /** The APIs of the modules that `module` uses, bound to a transaction. */
  apisFor(module: AnyModule, bound: BoundTransaction): Record<string, unknown> {
    return this.#modules.apisFor(module, bound);
  }

  /** Audits and counts a call that was refused because of its credential. `began` is a value of `performance.now()`. */
  auditRefused({ operation, ...refused }: RefusedCall, began: number): void {
    this.#calls.refused(this.#runnable.get(operation.name) as Runnable, refused, began);
  }

  #dispatch(call: Call): MaybePromise<Answer> {
    const runnable = this.#runnable.get(call.operation);
    if (!runnable) throw new Error(`no operation is named ${call.operation}`);
    const began = performance.now();
    const progress: CallProgress = { details: {}, tenant: undefined, stage: "before" };
    const failed = (error: unknown): never => {
      this.#calls.failed(runnable, call, progress, error, began);
      throw error;
    };
    const succeeded = (answer: Answer): Answer => {
      this.#calls.succeeded(runnable, call, progress, answer.output, began);
      return answer;
    };
    return attempt(() => this.#run(runnable, call, progress), succeeded, failed);
  }

  #run(runnable: Runnable, received: Call, progress: CallProgress): MaybePromise<Answer> {
    const { operation } = runnable;
    // Rejects anonymous callers before validating the input.
    if (received.principal.kind === "anonymous" && operation.allow.kind !== "anyone") throw new OperationError(CredentialRequired);
    runnable.check(received.input);
    const input = runnable.canonical(received.input);
    const call = input === received.input ? received : { ...received, input };
    const context = new PrepareContext(this.#dependencies, runnable, call, progress);
    return after(operation.tenantOf(context as never, call.input as never), (tenant) => {
      const facts = { origin: call.origin, now: this.platform.clock.now() };
      const request = { principal: call.principal, tenant, input: call.input, absent: operation.absent, facts };
      progress.tenant = tenant;
      progress.stage = "authorizing";
      const ownerOf = () => operation.ownerOf?.(context as never, call.input as never);
      return after(authorize(operation.allow, { ...request, ownerOf }, this.#authorizer), () => {
        progress.stage = "authorized";
        return after(takeRateLimit(this.platform, operation, call), () =>
          this.#withinBulkhead(runnable, call, () => this.#perform(runnable, call, progress, context)),
        );
      });
    });
  }

  /** Rate limits are applied before: a caller over its limit takes no permit from others. */
  #withinBulkhead({ bulkhead }: Runnable, { principal }: Call, work: () => MaybePromise<Answer>): MaybePromise<Answer> {
    if (bulkhead === undefined || isSystemOrOperator(principal)) return work();
    return bulkhead(async () => work());
  }

  #perform(runnable: Runnable, call: Call, progress: CallProgress, context: PrepareContext): MaybePromise<Answer> {
    const { operation } = runnable;
    if (operation.inMemory) {
      return after(operation.run(context as never, call.input as never, undefined as never), (output) => ({ output }));
    }
    const scope = scopeOf(operation, progress.tenant, call.principal);
    if (operation.kind === "query") return this.#query(runnable, call, scope);
    return this.#command({ runnable, call, scope, progress }, context);
  }

  async #query({ operation, module }: Runnable, call: Call, scope: Scope): Promise<Answer> {
    // A cursor is valid only for its principal, also where the list covers every tenant.
    const list = `${operation.name} ${scope.tenant} ${principalKey(call.principal)}`;
    const output = await this.#readQuery(scope, async (db) =>
      operation.run(queryContext(this.#dependencies, module, call, db, list) as never, call.input as never, undefined as never),
    );
    return { output };
  }

  async #command(
    command: { readonly runnable: Runnable; readonly call: Call; readonly scope: Scope; readonly progress: CallProgress },
    context: PrepareContext,
  ): Promise<Answer> {
    const prepared = await command.runnable.operation.prepare?.(context as never, command.call.input as never);
    return this.#commands.run({ ...command, prepared });
  }
}

function runnables(catalogue: Catalogue, platform: Platform): ReadonlyMap<string, Runnable> {
  const permits: Readonly<Record<BulkheadName, Bulkhead>> = {
    administration: createBulkhead(
      "administration",
      bulkheads.administration,
      administrationAtOnce(connectionsOf(platform)),
      platform.metrics,
    ),
    "sign-in": createBulkhead("sign-in", bulkheads["sign-in"], signInsAtOnce, platform.metrics),
  };
  const found = new Map<string, Runnable>();
  for (const { module, operations } of catalogue.manifests) {
    for (const operation of operations) {
      found.set(operation.name, {
        operation,
        module,
        bulkhead: operation.inMemory ? undefined : permits[operation.hashes ? "sign-in" : "administration"],
        metricLabel: `${operation.kind} ${operation.name}`,
        check: inputCheck(operation.input),
        canonical: canonicalInput(operation.input),
      });
      if (operation.deprecated !== undefined) countFromZero(operation, platform);
    }
  }
  return found;
}

/** The connections of the commands' pool. An embedded database has one, with a queue of its own. */
const connectionsOf = ({ database }: Platform): number => database.connections().find(({ pool }) => pool === "write")?.max ?? 1;

/** A series that starts with its first call shows no increase, and a missing series cannot show that there are no calls. */
function countFromZero({ name }: Operation, { metrics }: Platform): void {
  for (const principal of principalKinds) metrics.deprecatedCalls.inc({ operation: name, principal }, 0);
}
