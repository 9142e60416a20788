import type { BackgroundTask } from "#platform/background.ts";
import type { Backlog } from "#platform/backlog.ts";
import type { BrokerConsumer } from "#platform/broker/broker.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import type { SchemaStep } from "#platform/database/migrations.ts";
import type { Job, JobName } from "#platform/jobs/jobs.ts";
import type { EncryptedField } from "#platform/keys/encrypted-field.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import type { LogReader } from "#platform/log/retention.ts";
import type { Platform } from "#platform/platform.ts";
import type { Authenticator } from "../kernel/authenticators.ts";
import type { InternalDispatch } from "../kernel/internal-dispatch.ts";
import type { MaybePromise } from "../kernel/maybe-promise.ts";
import type { AuditDeclaration, QueryAuditDeclaration } from "./audit-declaration.ts";
import type {
  ApiContext,
  CachedApiContext,
  CommandContext,
  PrepareContext,
  QueryContext,
  TenantContext,
  WriteApiContext,
} from "./context.ts";
import type { ErrorDefinition } from "./errors.ts";
import type { EventDefinition } from "./event.ts";
import type { HttpApp } from "./http-app.ts";
import type { ModuleProcess } from "./module-process.ts";
import type { Operation, OperationDeclaration, RunnableCommand, RunnableQuery, TypedOperation } from "./operation.ts";
import type { Static, TObject, TSchema } from "./schema.ts";
import { closed } from "./schema.ts";

export type * from "./context.ts";
export type { ModuleProcess } from "./module-process.ts";

/** A module's SQL in two halves: statements that any use case may run, and statements for commands only. */
export interface Store<Reads, Writes> {
  reads(db: ReadHandle): Reads;
  writes(tx: WriteHandle): Writes;
}

/** A declared module, whatever its types. */
// biome-ignore lint/suspicious/noExplicitAny: the types are known where the module is declared and used, not where it is passed on
export type AnyModule = Module<any, any, any, any, any, any, any>;

export type ReadApisOf<Uses extends Record<string, AnyModule>> = {
  readonly [Name in keyof Uses]: Uses[Name] extends Module<infer _R, infer _W, infer _S, infer _U, infer ReadApi, infer _F, infer _C>
    ? ReadApi
    : never;
};
export type CachedApisOf<Uses extends Record<string, AnyModule>> = {
  readonly [Name in keyof Uses]: Uses[Name] extends Module<infer _R, infer _W, infer _S, infer _U, infer _A, infer _F, infer CachedApi>
    ? CachedApi
    : never;
};
export type ApisOf<Uses extends Record<string, AnyModule>> = {
  readonly [Name in keyof Uses]: Uses[Name] extends Module<infer _R, infer _W, infer _S, infer _U, infer ReadApi, infer WriteApi, infer _C>
    ? ReadApi & WriteApi
    : never;
};

export interface ModuleDeclaration<Reads, Writes, State, Uses extends Record<string, AnyModule>, ReadApi, WriteApi, CachedApi> {
  readonly store: Store<Reads, Writes>;
  /** The lower modules whose APIs this one uses. */
  readonly uses?: Uses;
  /** The in-process state of this module, created once at start. A use case gets further ports only from it. */
  readonly state?: (platform: Platform) => State;
  /** The functions that other modules may call. They run in the caller's transaction. */
  readonly readApi?: (context: ApiContext<Reads, State, ReadApisOf<Uses>>) => ReadApi;
  readonly writeApi?: (context: WriteApiContext<Reads & Writes, State, ApisOf<Uses>>) => WriteApi;
  /**
   * Functions that answer from in-process caches. A miss reads in a transaction of its own, so they are called outside of transactions: an
   * embedded database has one connection, which a transaction of the caller would hold meanwhile.
   */
  readonly cachedApi?: (context: CachedApiContext<State, CachedApisOf<Uses>>) => CachedApi;
}

/** Declares a bounded context. Its operations are typed by its store and by the modules that it uses. */
export function module<
  Reads,
  Writes,
  State = undefined,
  // biome-ignore lint/complexity/noBannedTypes: a module that uses no other has the empty record
  Uses extends Record<string, AnyModule> = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  ReadApi = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  WriteApi = {},
  // biome-ignore lint/complexity/noBannedTypes: as above
  CachedApi = {},
>(name: string, declaration: ModuleDeclaration<Reads, Writes, State, Uses, ReadApi, WriteApi, CachedApi>) {
  return new Module<Reads, Writes, State, Uses, ReadApi, WriteApi, CachedApi>(name, declaration);
}

export class Module<Reads, Writes, State, Uses extends Record<string, AnyModule>, ReadApi, WriteApi, CachedApi> {
  readonly name: string;
  readonly declaration: ModuleDeclaration<Reads, Writes, State, Uses, ReadApi, WriteApi, CachedApi>;

  constructor(name: string, declaration: ModuleDeclaration<Reads, Writes, State, Uses, ReadApi, WriteApi, CachedApi>) {
    this.name = name;
    this.declaration = declaration;
  }

  /** Declares a use case that changes state: one transaction with its events, audit entry and idempotent answer. */
  command<Input extends TObject, Output extends TSchema, const Errors extends readonly ErrorDefinition[] = [], Prepared = undefined>(
    name: string,
    declaration: Declaration<Input, Output, Errors, Resolving<Reads, State, Uses, Errors>, Preparing<Reads, State, Uses, Errors>> &
      CommandAudit &
      RunnableCommand<
        CommandContext<Reads, Writes, State, ApisOf<Uses>, Errors[number]>,
        Preparing<Reads, State, Uses, Errors>,
        Input,
        Output,
        Prepared
      >,
  ): TypedOperation<Input, Output> {
    return this.#operation("command", name, declaration);
  }

  /** Declares a use case that only reads. */
  query<Input extends TObject, Output extends TSchema, const Errors extends readonly ErrorDefinition[] = []>(
    name: string,
    declaration: Declaration<Input, Output, Errors, Resolving<Reads, State, Uses, Errors>, Preparing<Reads, State, Uses, Errors>> &
      AuditedQuery &
      RunnableQuery<QueryContext<Reads, State, ReadApisOf<Uses>, Errors[number]>, Input, Output>,
  ): TypedOperation<Input, Output> {
    return this.#operation("query", name, declaration);
  }

  /** Declares a query on the hot path: the kernel opens no transaction. `reading` reads what is not in memory. */
  inMemoryQuery<Input extends TObject, Output extends TSchema, const Errors extends readonly ErrorDefinition[] = []>(
    name: string,
    declaration: Declaration<Input, Output, Errors, Resolving<Reads, State, Uses, Errors>, Preparing<Reads, State, Uses, Errors>> &
      AuditedQuery &
      RunnableQuery<Preparing<Reads, State, Uses, Errors>, Input, Output>,
  ): TypedOperation<Input, Output> {
    return this.#operation("query", name, declaration, true);
  }

  #operation<Input extends TObject, Output extends TSchema>(
    kind: Operation["kind"],
    name: string,
    declaration: Declared<Input, Output>,
    inMemory = false,
  ): TypedOperation<Input, Output> {
    const hasOrganization = "organizationId" in declaration.input.properties;
    const byField = (_context: never, input: { organizationId?: string | null }) =>
      hasOrganization ? (input.organizationId ?? null) : undefined;
    return {
      ...declaration,
      name: `${this.name}.${name}`,
      kind,
      module: this.name,
      input: closed(declaration.input),
      output: closed(declaration.output),
      errors: declaration.errors ?? [],
      tenantOf: (declaration.tenant ?? byField) as Operation["tenantOf"],
      inMemory,
      prepare: declaration.prepare,
    };
  }
}

type Resolving<Reads, State, Uses extends Record<string, AnyModule>, Errors extends readonly ErrorDefinition[]> = TenantContext<
  Reads,
  State,
  ReadApisOf<Uses>,
  Errors[number]
>;
type Preparing<Reads, State, Uses extends Record<string, AnyModule>, Errors extends readonly ErrorDefinition[]> = PrepareContext<
  Reads,
  State,
  ReadApisOf<Uses>,
  Errors[number],
  CachedApisOf<Uses>
>;

/** What every operation of a module declares in addition to its functions. */
type Declaration<
  Input extends TObject,
  Output extends TSchema,
  Errors extends readonly ErrorDefinition[],
  Resolving,
  Preparing,
> = OperationDeclaration<Input, Output> & {
  readonly errors?: Errors;
  /** Resolves the tenant of the call where the input has no `organizationId`. */
  tenant?(context: Resolving, input: Static<Input>): MaybePromise<string | null | undefined>;
  /** Resolves the owner of the resource, for the rule `own`. */
  ownerOf?(context: Preparing, input: Static<Input>): Promise<string | undefined>;
};

/** The audit declaration of a command. */
interface CommandAudit {
  readonly audit: AuditDeclaration;
}

/** The audit declaration of a query with a sensitive answer: each call is audited. */
interface AuditedQuery {
  readonly audit?: QueryAuditDeclaration;
}

/** A declaration without the types of its contexts: the kernel does not know them. */
interface Declared<Input extends TObject, Output extends TSchema> extends OperationDeclaration<Input, Output> {
  readonly audit?: AuditDeclaration;
  readonly errors?: readonly ErrorDefinition[];
  readonly tenant?: Operation["tenantOf"];
  readonly prepare?: Operation["prepare"];
  readonly stillValid?: Operation["stillValid"];
  readonly ownerOf?: Operation["ownerOf"];
  readonly run: Operation["run"];
}

/** A metric that is counted in a module's tables, over every tenant. */
export interface TableGauge {
  readonly name: string;
  readonly help: string;
  /** The only label of its values. */
  readonly label?: string;
  read(db: ReadHandle): Promise<readonly { readonly label?: string; readonly value: number }[]>;
}

/** What a module's index.ts exports to the runtime. */
export interface ModuleManifest {
  readonly module: AnyModule;
  readonly operations: readonly Operation[];
  readonly events: readonly EventDefinition[];
  readonly steps: readonly SchemaStep[];
  /** Privileges on its tables that the application's database role does not get, by table. */
  readonly withheld?: Readonly<Record<string, string>>;
  /** `apis` binds the read APIs of the modules that this one uses to a transaction. */
  // biome-ignore lint/suspicious/noExplicitAny: the APIs' types are known to the module, which declares what it uses
  readonly consumers?: (platform: Platform, apis: (tx: WriteHandle) => any) => readonly Consumer[];
  /** Consumers of other programs' messages from the broker. */
  readonly brokerConsumers?: (platform: Platform, dispatch: InternalDispatch) => readonly BrokerConsumer[];
  /** Background tasks of the worker. `operations` has those of every module, by name. */
  readonly background?: (platform: Platform, operations: ReadonlyMap<string, Operation>) => readonly BackgroundTask[];
  /** The backlogs of its background tasks. A probe and an alert show when one stops. */
  readonly backlogs?: readonly Backlog[];
  /** Metrics that are counted in its tables at each scrape. */
  readonly gauges?: readonly TableGauge[];
  /** Further readers of the log, in addition to its consumers: by position, or with events that must be retained for them. */
  readonly logReaders?: readonly LogReader[];
  /** Its encrypted columns. A test fails where one is missing here. */
  readonly encrypted?: readonly EncryptedField[];
  /** Commands without input that run at each start. */
  readonly atStart?: readonly Operation[];
  /** The authenticators of the credentials that it issues. */
  readonly authenticators?: (process: ModuleProcess) => readonly Authenticator[];
  /** The HTTP applications that it serves: protocols whose requests are not operations. */
  readonly httpApps?: readonly HttpApp[];
  /** The queues of its jobs. Every process creates them, so that any may enqueue. */
  // biome-ignore lint/suspicious/noExplicitAny: each job has its own payload
  readonly queues?: readonly JobName<any>[];
  // biome-ignore lint/suspicious/noExplicitAny: each job has its own payload
  readonly jobs?: (platform: Platform, dispatch: InternalDispatch) => readonly Job<any>[];
}
